"""Every family of models, through the same questions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import errors, models
from lit_tf.sections import compatibility, cost, sectioned_model

SMALLEST = {name: family.NAMES[0] for name, family in models.MODELS.items()}
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


# The longest chain of weighted layers. A VDCNN's depth is its convolutions, and
# leaves out the embedding and three dense layers. A ResNeXt's is that of the
# ResNet that it is named after, whose blocks have two layers and not three.
CHAINS = {
    "resnet8": 8,
    "resnext8": 9 + 2,
    "vdcnn9": 1 + 9 + 3,
    "stargan10": 10,
}


@pytest.fixture(params=sorted(SMALLEST))
def model(request, build, batch):
    """The smallest member of a family, its moving statistics moved."""
    name = SMALLEST[request.param]
    model = build(name)
    model(batch(8, seed=1, name=name)[0], training=True)
    return model


@pytest.fixture
def given(model, batch):
    """A function: size → raw inputs that fit the model."""
    return lambda size: batch(size, name=model.name)[0]


def family_of(model):
    return next(f for f, name in SMALLEST.items() if name == model.name)


def parts(model):
    return [model.stem, *model.sections, model.head]


def test_the_output_is_the_composition_of_the_parts(model, given):
    x = inputs = given(3)
    for part in parts(model):
        x = part(x, training=False)
    np.testing.assert_array_equal(x, model(inputs, training=False))


def test_the_parts_hold_the_models_variables_each_once(model):
    ours = [id(v) for part in parts(model) for v in part.variables]
    assert len(ours) == len(set(ours))
    assert set(ours) == {id(v) for v in model.variables}


def test_changing_a_part_changes_the_model(model, given):
    inputs = given(2)
    for part in parts(model):
        before = model(inputs, training=False).numpy()
        part.trainable_variables[0].assign_add(
            tf.ones_like(part.trainable_variables[0])
        )
        after = model(inputs, training=False).numpy()
        assert np.abs(after - before).max() > 1e-5, part.name


def test_representations_have_the_shapes_that_flow(model, given):
    x = given(2)
    assert len(model.representations) == len(model.sections) + 1
    for part, expected in zip(
        parts(model), model.representations, strict=False
    ):
        x = part(x, training=False)
        assert x.shape[1:] == expected.shape[1:]


def test_a_deeper_member_lines_up(model, build):
    deeper = build(models.MODELS[family_of(model)].NAMES[1])
    compatibility.check_alike(deeper, model)
    assert cost.parameters(deeper) > cost.parameters(model)


def test_a_saved_model_answers_alike_and_knows_its_facts(
    model, given, tmp_path
):
    model.facts["taught"] = {"epochs": 3, "accuracy": 0.5}
    model.save(tmp_path / "model.keras")
    again = lit_tf.load(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert (again.facts, again.depth) == (model.facts, model.depth)
    assert [p.name for p in parts(again)] == [p.name for p in parts(model)]
    inputs = given(3)
    np.testing.assert_array_equal(
        again(inputs, training=False), model(inputs, training=False)
    )


def test_a_graph_answers_as_eager_does(model, given):
    inputs = given(3)
    graph = tf.function(lambda x: model(x, training=False))
    np.testing.assert_allclose(
        graph(inputs), model(inputs, training=False), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_under_any_policy(model, given, policy):
    inputs = given(2)
    mixed = sectioned_model.with_policy(model, policy)
    logits = mixed(inputs, training=False)
    assert logits.dtype == tf.float32
    exact = model(inputs, training=False)
    assert 0 < np.abs(logits - exact).max() < 0.1 * np.abs(exact).max()


def test_a_policy_there_and_back_changes_nothing(model, given):
    model.facts["taught"] = 3
    there = sectioned_model.with_policy(model, "mixed_bfloat16")
    back = sectioned_model.with_policy(there, "float32")
    assert (back.facts, back.depth) == (model.facts, model.depth)
    for ours, theirs in zip(back.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    inputs = given(2)
    np.testing.assert_array_equal(
        back(inputs, training=False), model(inputs, training=False)
    )


def test_every_trained_variable_has_a_gradient_in_a_graph(model, given):
    @tf.function
    def gradients(x):
        with tf.GradientTape() as tape:
            answer = model(x, training=True)
            value = tf.reduce_sum(tf.square(answer - 0.5))
        found = tape.gradient(value, model.trainable_variables)
        return [tf.convert_to_tensor(g) for g in found]  # Of an embedding too.

    for gradient in gradients(given(4)):
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_the_depth_is_the_names(model):
    stated = int(model.name.lstrip("abcdefghijklmnopqrstuvwxyz"))
    assert cost.depth(model) == stated
    model.depth = None
    assert cost.depth(model) == CHAINS[model.name]


def test_every_operation_of_a_model_is_counted(model):
    counted = cost.count_flops(model)
    assert counted.flops > 0 and counted.uncounted == ()


def test_a_family_alone_is_its_papers_deepest():
    assert models.get("resnet")(**CIFAR).name == "resnet110"


def test_the_models_name_is_the_one_it_was_asked_for_by(model):
    assert model.name in SMALLEST.values()


def test_every_variable_has_one_published_name(model):
    ours = [id(v) for v in models.published(model).values()]
    assert len(ours) == len(set(ours))
    assert set(ours) == {id(v) for v in model.variables}


def test_the_published_names_tell_the_architecture(model, build):
    deeper = build(models.MODELS[family_of(model)].NAMES[1])
    for one in (model, deeper):
        names = models.published(one).keys()
        assert models.recognized(names) == one.name
        assert models.recognized(list(names)[1:-1]) is None
    assert models.recognized([]) is None


def test_any_number_of_classes_is_answered(build):
    for name in SMALLEST.values():
        model = build(name, classes=7)
        # A generator is told them instead.
        *_, results = model.inputs if len(model.inputs) > 1 else model.outputs
        assert results.shape == (None, 7)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_trained_parameters_are_the_published_ones(name):
    model = models.get(name)(**CIFAR)
    counted = sum(np.prod(v.shape) for v in model.trainable_variables)
    assert counted == PARAMETERS[name]


@pytest.mark.parametrize("name", ["resnext20", "resnext56"])
def test_a_resnext_has_the_parameters_and_layers_that_it_says(name):
    model = models.get(name)(**CIFAR)
    counted = sum(np.prod(v.shape) for v in model.trainable_variables)
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in models.MODELS["resnext"].build.__doc__.splitlines()
        if line.strip().startswith("|")
    ]
    column = rows[0].index(name.removeprefix("resnext"))
    said = {row[0]: row[column] for row in rows}
    assert said["parameters"] == f"{counted:,}"
    flops = cost.flops(model)
    assert said["MFLOPs of a 32×32 image"] == f"{flops / 1e6:.0f}"
    model.depth = None
    assert said["layers"] == str(cost.depth(model))


def test_a_resnexts_strided_convolution_is_centred_on_what_it_keeps(build):
    section = build("resnext8").sections[1]
    given, convolution = map(
        section.get_layer, ("block_1_relu_1", "block_1_conv")
    )
    kernel = np.zeros(convolution.kernel.shape, "float32")
    inputs = kernel.shape[2]  # Of a group.
    kernel[1, 1] = np.tile(np.eye(inputs), convolution.groups)
    convolution.set_weights([kernel])
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 64)).astype("float32")
    probe = keras.Model(section.inputs[0], [given.output, convolution.output])
    wanted, found = probe(x)
    np.testing.assert_allclose(found, wanted[:, ::2, ::2], rtol=1e-6)


def test_a_resnets_strided_convolution_is_centred_on_what_it_keeps(build):
    # As in PyTorch: one pixel of padding on both sides. "same" pads one side.
    section = build("resnet8").sections[1]
    convolution = section.get_layer("block_1_conv_1")
    kernel = np.zeros(convolution.kernel.shape, "float32")
    kernel[1, 1] = np.eye(*kernel.shape[2:])
    convolution.set_weights([kernel])
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 16)).astype("float32")
    probe = keras.Model(section.inputs[0], convolution.output)
    np.testing.assert_allclose(probe(x)[..., :16], x[:, ::2, ::2], rtol=1e-6)


def test_resnet20_costs_what_its_paper_says():
    model = models.get("resnet20")(**CIFAR)
    assert cost.flops(model) == 81_102_080


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet21", r"6n \+ 2.*nearest is resnet20"),
        ("resnet2", "nearest is resnet8"),
        ("resnext29", r"blocks, of depth 6n \+ 2.*nearest is resnext26"),
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
def test_an_unknown_name_is_refused_with_the_nearest(name, message):
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
def test_an_option_that_cannot_be_is_refused(name, options, message):
    with pytest.raises(errors.SettingsError, match=message):
        models.get(name, **options)(**CIFAR)


def test_cardinality_changes_a_resnexts_groups_and_nothing_else(build):
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


def test_a_model_is_not_built_for_what_it_does_not_read(model):
    family = models.MODELS[family_of(model)]
    with pytest.raises(errors.SettingsError, match=f"{family.STEM[0]}.*tint"):
        models.get(model.name)(input_shape=(64,), classes=2, tint=0)


def test_every_variant_of_a_family_lines_up_with_itself(model, build):
    for variant in models.MODELS[family_of(model)].VARIANTS:
        names = [
            f"{name}_{variant}"
            for name in models.MODELS[family_of(model)].NAMES[:2]
        ]
        student, teacher = map(build, names)
        assert [student.name, teacher.name] == names
        compatibility.check_alike(teacher, student)
