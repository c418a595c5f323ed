"""Contract of the models: the same tests for every family."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import lit_tf
from lit_tf import errors, models
from lit_tf.sections import compatibility, copying, cost

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

# The longest chain of weighted layers, where it is not the stated depth. The
# depth of a VDCNN counts its convolutions, without the embedding and three
# dense layers. The depth of a ResNeXt is that of the ResNet with as many
# blocks, which have two layers instead of three.
LONGEST_CHAINS = {"resnext8": 9 + 2, "vdcnn9": 1 + 9 + 3}


@pytest.fixture(
    scope="module", params=models.MODELS.values(), ids=list(models.MODELS)
)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def shared_model(family, build, batch):
    """The smallest member of a family, after one step of training mode."""
    name = family.names[0]
    model = build(name)
    model(batch(8, seed=1, name=name)[0], training=True)
    return model


@pytest.fixture
def model(shared_model):
    """The shared model; what a test changes is restored after it."""
    weights, facts = shared_model.get_weights(), dict(shared_model.facts)
    depth = shared_model.depth
    yield shared_model
    shared_model.set_weights(weights)
    shared_model.facts.clear()
    shared_model.facts.update(facts)
    shared_model.depth = depth


@pytest.fixture
def raw_inputs(model, batch):
    """A function: size → raw inputs that fit the model."""
    return lambda size: batch(size, name=model.name)[0]


def parts(model):
    return [model.stem, *model.sections, model.head]


def test_the_output_is_the_composition_of_the_parts(model, raw_inputs):
    x = inputs = raw_inputs(3)
    for part in parts(model):
        x = part(x, training=False)
    np.testing.assert_array_equal(x, model(inputs, training=False))


def test_each_variable_of_a_model_is_in_one_part(model):
    ids = [id(v) for part in parts(model) for v in part.variables]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(v) for v in model.variables}


def test_changing_a_part_changes_the_model(model, raw_inputs):
    inputs = raw_inputs(2)
    for part in parts(model):
        before = model(inputs, training=False).numpy()
        part.trainable_variables[0].assign_add(
            tf.ones_like(part.trainable_variables[0])
        )
        after = model(inputs, training=False).numpy()
        assert np.abs(after - before).max() > 1e-5, part.name


def test_representations_have_the_shapes_of_the_parts_outputs(
    model, raw_inputs
):
    x = raw_inputs(2)
    assert len(model.representations) == len(model.sections) + 1
    for part, expected in zip(
        parts(model), model.representations, strict=False
    ):
        x = part(x, training=False)
        assert x.shape[1:] == expected.shape[1:]


def test_a_deeper_member_has_the_same_representations(family, model, build):
    deeper = build(family.names[1])
    compatibility.check_alike(deeper, model)
    assert cost.parameters(deeper) > cost.parameters(model)


def test_a_loaded_model_has_the_same_outputs_and_facts(
    model, raw_inputs, tmp_path
):
    model.facts["taught"] = {"epochs": 3, "accuracy": 0.5}
    model.save(tmp_path / "model.keras")
    again = lit_tf.load(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert (again.facts, again.depth) == (model.facts, model.depth)
    assert [p.name for p in parts(again)] == [p.name for p in parts(model)]
    inputs = raw_inputs(3)
    np.testing.assert_array_equal(
        again(inputs, training=False), model(inputs, training=False)
    )


def test_graph_and_eager_execution_agree(model, raw_inputs):
    inputs = raw_inputs(3)
    graph = tf.function(lambda x: model(x, training=False))
    np.testing.assert_allclose(
        graph(inputs), model(inputs, training=False), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_under_any_policy(model, raw_inputs, policy):
    inputs = raw_inputs(2)
    mixed = copying.copy_model(model, policy=policy)
    logits = mixed(inputs, training=False)
    assert logits.dtype == tf.float32
    exact = model(inputs, training=False)
    assert 0 < np.abs(logits - exact).max() < 0.1 * np.abs(exact).max()


def test_changing_the_policy_and_back_changes_nothing(model, raw_inputs):
    model.facts["taught"] = 3
    mixed = copying.copy_model(model, policy="mixed_bfloat16")
    back = copying.copy_model(mixed, policy="float32")
    assert (back.facts, back.depth) == (model.facts, model.depth)
    for value, expected in zip(back.weights, model.weights, strict=True):
        np.testing.assert_array_equal(value, expected)
    inputs = raw_inputs(2)
    np.testing.assert_array_equal(
        back(inputs, training=False), model(inputs, training=False)
    )


def test_every_trained_variable_has_a_gradient_in_a_graph(model, raw_inputs):
    @tf.function
    def gradients(x):
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            value = tf.reduce_sum(tf.square(outputs - 0.5))
        gradients = tape.gradient(value, model.trainable_variables)
        # The gradient of an embedding is sparse.
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    for gradient in gradients(raw_inputs(4)):
        assert np.isfinite(gradient).all() and np.any(gradient)


def test_the_depth_is_the_one_in_the_name(family, model):
    stated = family.depths[0]
    assert cost.depth(model) == stated
    model.depth = None
    assert cost.depth(model) == LONGEST_CHAINS.get(model.name, stated)


def test_every_operation_of_a_model_is_counted(model):
    counted = cost.count_flops(model)
    assert counted.flops > 0 and counted.uncounted == ()


def test_a_name_without_a_depth_means_the_deepest_model_of_the_paper():
    assert models.get("resnet")(**CIFAR).name == "resnet110"


def test_the_key_in_the_table_is_the_name_of_the_family(family):
    assert models.MODELS[family.name] is family


def test_every_listed_depth_and_the_default_one_exist(family):
    assert list(family.depths) == sorted(family.depths)
    for depth in (*family.depths, family.default_depth):
        family.check_depth(depth)


def test_a_model_has_the_name_that_was_requested(family, model):
    assert model.name == family.names[0]


def test_every_variable_has_one_published_name(model):
    ids = [id(v) for v in models.torch_variables(model).values()]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(v) for v in model.variables}


def test_an_architecture_is_recognised_by_its_published_names(
    family, model, build
):
    for member in (model, build(family.names[1])):
        names = models.torch_variables(member).keys()
        assert models.architecture_of(names) == member.name
        assert models.architecture_of(list(names)[1:-1]) is None
    assert models.architecture_of([]) is None


def test_a_model_can_have_any_number_of_classes(family, build):
    model = build(family.names[0], classes=7)
    # For a generator, classes are attributes: its second input.
    *_, tensor = model.inputs if len(model.inputs) > 1 else model.outputs
    assert tensor.shape == (None, 7)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_the_trained_parameters_are_those_of_the_paper(name):
    model = models.get(name)(**CIFAR)
    parameters = sum(np.prod(v.shape) for v in model.trainable_variables)
    assert parameters == PARAMETERS[name]


@pytest.mark.parametrize("name", ["resnext20", "resnext56"])
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


def test_a_model_for_another_kind_of_data_raises_an_error(family):
    message = f"{family.stem_arguments[0]}.*tint"
    with pytest.raises(errors.SettingsError, match=message):
        models.get(family.names[0])(input_shape=(64,), classes=2, tint=0)


def test_two_depths_of_a_variant_have_the_same_representations(family, build):
    for variant in family.variants:
        names = [f"{name}_{variant}" for name in family.names[:2]]
        student, teacher = map(build, names)
        assert [student.name, teacher.name] == names
        compatibility.check_alike(teacher, student)
