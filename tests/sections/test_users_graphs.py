"""Tests of graphs as users build them: nested in inference mode, odd names."""

import keras
import numpy as np
import pytest
import seeds

import lit_tf
from lit_tf import errors
from lit_tf.interop import saved_model
from lit_tf.sections import cost, samples


def residual(x, names=("one", "two", "three")):
    for name in names:
        y = keras.layers.Dense(6, activation="relu", name=name)(x)
        x = keras.layers.Add()([x, y])
    return x


def _base():
    """Returns a pretrained base in inference mode under a new head."""
    seeds.set_all(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6)(inputs)
    for k in range(3):
        y = keras.layers.Dense(6, activation="relu", name=f"block_{k}")(x)
        y = keras.layers.BatchNormalization(name=f"norm_{k}")(y)
        x = keras.layers.Add(name=f"add_{k}")([x, y])
    base = keras.Model(inputs, x, name="base")
    base.trainable = False
    new = keras.Input((4,))
    return keras.Model(new, keras.layers.Dense(3)(base(new, training=False)))


def test_a_nested_base_in_inference_mode_is_opened():
    model = _base()
    plan = lit_tf.plan(model)
    assert plan.cuts == ("base/dense", "base/add_2") or len(plan.cuts) == 2
    sectioned = lit_tf.split(model, plan)
    x = np.random.default_rng(0).normal(5, 3, (8, 4)).astype("float32")
    # BatchNorm runs in inference mode, as in the model.
    np.testing.assert_allclose(
        sectioned(x, training=True), model(x, training=True), rtol=1e-5
    )
    norm = sectioned.sections[0].get_layer("norm_1")
    assert not np.any(keras.ops.convert_to_numpy(norm.moving_mean))


def test_the_student_of_a_base_in_inference_mode_learns_its_statistics():
    student = lit_tf.shrink(_base(), keep=(2,))
    norm = student.sections[0].get_layer("norm_0")
    student(np.ones((8, 4), "float32"), training=True)
    assert np.any(keras.ops.convert_to_numpy(norm.moving_mean))


def test_split_takes_a_plan():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, residual(keras.layers.Dense(6)(inputs)))
    assert len(lit_tf.split(model, lit_tf.plan(model)).sections) == 1
    flat = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    with pytest.raises(errors.SettingsError, match="can be left out"):
        lit_tf.split(flat, lit_tf.plan(flat))


def test_lit_cuts_a_teacher_without_sections():
    inputs = keras.Input((4,))
    x = residual(keras.layers.Dense(6)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    trainer = lit_tf.LIT(model, lit_tf.shrink(model, keep=(2,)))
    assert trainer.teacher.get_weights()[0] is not None
    with pytest.raises(errors.SettingsError, match="lit_tf.split"):
        lit_tf.LIT(model, model)


@pytest.mark.parametrize("names", [("representation", "b", "stem"), "abc"])
@pytest.mark.parametrize("inputs", ["stem", "section_1", "representation"])
def test_layers_may_have_the_names_of_parts(tmp_path, names, inputs):
    x = tensor = keras.Input((4,), name=inputs)
    names = [name for name in names if name != inputs]
    x = residual(keras.layers.Dense(6, name="first")(x), names)
    model = keras.Model(tensor, keras.layers.Dense(3, name="head")(x))
    sectioned = lit_tf.split(model, lit_tf.plan(model))
    sectioned.save(tmp_path / "model.keras")
    for copy in (sectioned, lit_tf.load(tmp_path / "model.keras")):
        np.testing.assert_allclose(
            samples.answers(copy)[0], samples.answers(model)[0], rtol=1e-6
        )
    lit_tf.LIT(sectioned, lit_tf.shrink(sectioned, keep=(1,)))


def test_a_model_without_trained_variables_is_refused():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs), name="fixed")
    model.trainable = False
    with pytest.raises(errors.SettingsError, match="no variable to train"):
        lit_tf.Teach(model).compile("sgd")


class Subclassed(keras.Model):
    """A model whose graph is unknown."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def test_a_subclassed_teacher_is_refused_with_the_reason():
    inputs = keras.Input((4,))
    student = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    for method in (lit_tf.Distill, lit_tf.LIT):
        with pytest.raises(errors.SettingsError, match="functional or sequ"):
            method(Subclassed(), student)


def test_a_saved_model_has_the_inputs_of_the_model(tmp_path):
    lookup = keras.layers.IntegerLookup()
    lookup.adapt(np.array([100, 200, 300]))
    inputs = keras.Input((2,), dtype="int64")
    x = keras.layers.Embedding(9, 6)(lookup(inputs))
    x = residual(keras.layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    examples = np.array([[100, 200], [7, 300]], np.int32)
    assert saved_model.write(model, tmp_path / "exported", examples) < 1e-5
    (spec,) = saved_model.read(tmp_path / "exported").inputs
    assert spec.dtype == "int64"


def test_a_model_of_attention_is_cut_counted_and_copied():
    x = inputs = keras.Input((5, 8))
    for k in range(3):
        y = keras.layers.MultiHeadAttention(2, 4, name=f"attention_{k}")(x, x)
        x = keras.layers.Add()([x, y])
        x = keras.layers.Add()([x, keras.layers.Dense(8, name=f"mlp_{k}")(x)])
    x = keras.layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    student = lit_tf.shrink(model, compression=1.5)
    assert cost.flops(model) >= 1.5 * cost.flops(student)
    assert cost.depth(model) == 7 > cost.depth(student)
    lit_tf.LIT(model, student)
