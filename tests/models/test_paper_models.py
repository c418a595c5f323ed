"""Models of the paper: their costs, padding, names and options."""

import keras
import numpy as np
import pytest
import slow

from lit_tf import errors, models
from lit_tf.sections import compatibility, cost

# Trained parameters that the papers state.
PARAMETERS = {
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
}


CIFAR = {
    "input_shape": (32, 32, 3),
    "classes": 10,
    "mean": (125.3, 123.0, 113.9),
    "std": (63.0, 62.1, 66.7),
}


@pytest.mark.parametrize(
    "name", slow.all_but(["resnet20", "resnet56"], sorted(PARAMETERS))
)
def test_the_trained_parameters_are_those_of_the_paper(name):
    # A name without a depth means the deepest model of the paper.
    model = models.get("resnet" if name == "resnet110" else name)(**CIFAR)
    assert model.name == name
    parameters = sum(np.prod(v.shape) for v in model.trainable_variables)
    assert parameters == PARAMETERS[name]


@pytest.mark.parametrize(
    "name", slow.all_but(["resnext20"], ["resnext20", "resnext56"])
)
def test_the_costs_of_a_resnext_are_those_in_its_docstring(name):
    model = models.get(name)(**CIFAR)
    parameters = sum(np.prod(v.shape) for v in model.trainable_variables)
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in models.MODELS["resnext"].build.__doc__.splitlines()
        if line.strip().startswith("|")
    ]
    column = rows[0].index(name.removeprefix("resnext"))
    stated = {row[0]: row[column] for row in rows}
    assert stated["parameters"] == f"{parameters:,}"
    flops = cost.flops(model)
    assert stated["MFLOPs of a 32×32 image"] == f"{flops / 1e6:.0f}"
    model.depth = None
    assert stated["layers"] == str(cost.depth(model))


def test_a_strided_convolution_of_a_resnext_pads_both_sides(build):
    section = build("resnext8").sections[1]
    relu = section.get_layer("block_1_relu_1")
    convolution = section.get_layer("block_1_conv")
    kernel = np.zeros(convolution.kernel.shape, "float32")
    inputs_per_group = kernel.shape[2]
    kernel[1, 1] = np.tile(np.eye(inputs_per_group), convolution.groups)
    convolution.set_weights([kernel])
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 64)).astype("float32")
    probe = keras.Model(section.inputs[0], [relu.output, convolution.output])
    before, after = probe(x)
    np.testing.assert_allclose(after, before[:, ::2, ::2], rtol=1e-6)


def test_a_strided_convolution_of_a_resnet_pads_both_sides(build):
    # As in PyTorch: one pixel of padding on both sides. "same" pads one side.
    section = build("resnet8").sections[1]
    convolution = section.get_layer("block_1_conv_1")
    kernel = np.zeros(convolution.kernel.shape, "float32")
    kernel[1, 1] = np.eye(*kernel.shape[2:])
    convolution.set_weights([kernel])
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 16)).astype("float32")
    probe = keras.Model(section.inputs[0], convolution.output)
    np.testing.assert_allclose(probe(x)[..., :16], x[:, ::2, ::2], rtol=1e-6)


def test_the_flops_of_resnet20_are_those_of_the_paper():
    model = models.get("resnet20")(**CIFAR)
    assert cost.flops(model) == 81_102_080


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet21", r"6n \+ 2.*nearest is resnet20"),
        ("resnet2", "nearest is resnet8"),
        ("resnext29", r"blocks, whose depth is 6n \+ 2.*nearest is resnext26"),
        ("resnt20", r"Unknown model 'resnt20'.*nearest is resnet20"),
        ("", "Unknown model ''"),
        (
            "vdcnn10",
            "one of 9, 17, 29, 49. Received: vdcnn10.*nearest is vdcnn9",
        ),
        ("vdcnn9_con", "variant of a vdcnn 'con'.*nearest is conv"),
        ("resnet8_conv", "Unknown variant of a resnet 'conv'"),
    ],
)
def test_an_error_for_an_unknown_name_gives_the_nearest_name(name, message):
    with pytest.raises(errors.SettingsError, match=message):
        models.get(name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "resnet20",
            {"cardinality": 4},
            "A resnet has no `cardinality`. Received: cardinality=4.",
        ),
        (
            "resnext20",
            {"cardinality": 5},
            "`cardinality` must divide .* Received: cardinality=5, width=16.",
        ),
        ("resnext20", {"width": 3}, "Received: cardinality=8, width=3."),
    ],
)
def test_an_invalid_option_raises_an_error(name, options, message):
    with pytest.raises(errors.SettingsError, match=message):
        models.get(name, **options)(**CIFAR)


def test_cardinality_changes_only_the_groups_of_a_resnext(build):
    form = CIFAR | {"input_shape": (8, 8, 3)}
    one, other = (
        models.get("resnext8", cardinality=c)(**form) for c in (2, 32)
    )
    compatibility.check_alike(one, other)
    for model, groups in ((one, 2), (other, 32)):
        kernels = [
            section.get_layer("block_1_conv").kernel.shape
            for section in model.sections
        ]
        assert kernels == [(3, 3, f // groups, f) for f in (32, 64, 128)]
