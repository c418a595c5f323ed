"""Contract of the models: the same tests for every family."""

import numpy as np
import pytest
import slow
import tensorflow as tf

import lit_tf
from lit_tf import errors, models
from lit_tf.sections import compatibility, copying, cost

# The longest chain of weighted layers, where it is not the stated depth. The
# depth of a VDCNN counts its convolutions, without the embedding and three
# dense layers. The depth of a ResNeXt is that of the ResNet with as many
# blocks, which have two layers instead of three.
LONGEST_CHAINS = {"resnext8": 9 + 2, "vdcnn9": 1 + 9 + 3}


# A ResNeXt is a ResNet with grouped convolutions (tests/layers).
FAMILIES = slow.all_but(
    [one for name, one in models.MODELS.items() if name != "resnext"],
    models.MODELS.values(),
)


@pytest.fixture(scope="module", params=FAMILIES, ids=list(models.MODELS))
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


@pytest.mark.parametrize(
    "policy",
    slow.all_but(["mixed_float16"], ["mixed_bfloat16", "mixed_float16"]),
)
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
