"""Tests of `copy_model`: state, functions, policies, trainability."""

import keras
import numpy as np
import pytest
import seeds
import slow
import tensorflow as tf
from dense_parts import residual

import lit_tf
from lit_tf import errors
from lit_tf.sections import compatibility, copying, samples
from lit_tf.teacher import frozen


def _adapted_normalization():
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(5, 3, (50, 4)))
    return keras.Input((4,)), layer


def _text_vectorization():
    layer = keras.layers.TextVectorization(20, output_sequence_length=6)
    layer.adapt(["a b c d", "e f g a"])
    return keras.Input((), dtype="string"), layer


def _string_lookup():
    layer = keras.layers.StringLookup()
    layer.adapt(["b", "a"])
    return keras.Input((2,), dtype="string"), layer


def _integer_lookup():
    layer = keras.layers.IntegerLookup()
    layer.adapt(np.array([1, 0, 300]))
    return keras.Input((2,), dtype="int64"), layer


def _hashing():
    return keras.Input((2,), dtype="string"), keras.layers.Hashing(20)


def _discretization():
    layer = keras.layers.Discretization(num_bins=4)
    layer.adapt(np.random.default_rng(0).normal(size=(50,)))
    return keras.Input((2,)), layer


PREPROCESSING = [
    _adapted_normalization,
    _text_vectorization,
    _string_lookup,
    _integer_lookup,
    _hashing,
    _discretization,
]


def preprocessed(make):
    """Returns a model whose stem begins with an adapted layer."""
    seeds.set_all(0)
    inputs, layer = make()
    x = layer(inputs)
    if x.dtype == "float32":
        x = keras.layers.Dense(6)(x)
    else:
        x = keras.layers.Embedding(20, 6)(x)
        x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, residual(x))


def check_equal(one, other):
    """Checks that two models have equal answers that are not all zero."""
    expected, answers = samples.answers(one), samples.answers(other)
    assert expected is not None and np.any(expected[-1])
    np.testing.assert_allclose(answers[-1], expected[-1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", PREPROCESSING)
def test_the_state_of_preprocessing_layers_is_copied(make):
    model = preprocessed(make)
    check_equal(model, copying.copy_model(model))
    check_equal(model, frozen.freeze(model))


@pytest.mark.parametrize("make", PREPROCESSING)
def test_a_shrunk_student_has_the_preprocessing_of_its_teacher(make):
    teacher = preprocessed(make)
    student = lit_tf.shrink(teacher, keep=(2,))

    def preprocess(model):
        layer = model.layers[1]
        layer = layer.layers[1] if hasattr(layer, "layers") else layer
        return keras.Model(layer.input, layer.output)

    check_equal(preprocess(teacher), preprocess(student))
    kernels = [m.get_layer(n).kernel for m, n in ((teacher, "out"),)]
    assert np.any(kernels[0] != student.head.get_layer("out").kernel)


@pytest.mark.parametrize(
    "make",
    slow.all_but([_text_vectorization], [_text_vectorization, _integer_lookup]),
)
def test_lit_trains_exports_and_saves_a_model_with_a_lookup_table(
    tmp_path, make
):
    model = preprocessed(make)
    teacher = lit_tf.split(model, lit_tf.plan(model).cuts)
    trainer = lit_tf.LIT(teacher, lit_tf.shrink(teacher, keep=(2,)))
    trainer.compile("adam")
    x = samples.sample_inputs(model)
    trainer.fit(x, np.arange(len(x)) % 3, verbose=0)
    expected = trainer.student(x, training=False)
    trainer.export(tmp_path / "exported", verbose=False)
    reloaded = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(reloaded.serve(x), expected, atol=1e-6)
    trainer.save(tmp_path / "student.keras")
    check_equal(trainer.student, lit_tf.load(tmp_path / "student.keras"))


def test_trainable_flags_are_copied_or_thawed(build):
    model = preprocessed(_adapted_normalization)
    model.get_layer("block_1").trainable = False
    copy = copying.copy_model(model)
    trained = [v.path for v in copy.trainable_variables]
    assert trained == [v.path for v in model.trainable_variables]
    model.trainable = False
    assert not copying.copy_model(model).trainable_variables
    thawed = copying.copy_model(model, thaw=True)
    # Not the mean, variance and count of `Normalization`.
    assert len(thawed.trainable_variables) == len(model.weights) - 3
    nested = build()
    nested.sections[0].trainable = False
    assert not copying.copy_model(nested).sections[0].trainable_variables


def test_a_student_of_a_frozen_teacher_is_trained():
    teacher = preprocessed(_adapted_normalization)
    teacher.trainable = False
    student = lit_tf.shrink(teacher, keep=(2,))
    assert len(student.sections[0].trainable_variables) == 4


def test_functions_in_layers_are_copied_without_unsafe_code():
    inputs = keras.Input((4,))
    x = keras.layers.Lambda(lambda t: tf.nn.relu(t) * 2)(inputs)
    x = keras.layers.Dense(6, activation=lambda t: tf.nn.relu(t) + 1)(x)
    model = keras.Model(inputs, residual(x))
    with pytest.warns(UserWarning, match="lambda"):
        check_equal(model, copying.copy_model(model))
    with pytest.warns(UserWarning, match="lambda"):
        teacher = lit_tf.split(model, lit_tf.plan(model).cuts)
        student = lit_tf.shrink(teacher, keep=(2,))
        lit_tf.LIT(teacher, student)


def test_a_function_of_two_files_is_the_same_function(tmp_path):
    inputs = keras.Input((4,))
    x = keras.layers.Lambda(lambda t: t * 2, output_shape=(4,))(inputs)
    model = keras.Model(inputs, residual(keras.layers.Dense(6)(x)))
    model.save(tmp_path / "model.keras")
    teacher, student = (
        lit_tf.split(
            keras.models.load_model(tmp_path / "model.keras", safe_mode=False),
            lit_tf.plan(model).cuts,
        )
        for _ in range(2)
    )
    compatibility.check_alike(teacher, student)
    student.stem.layers[1].function = lambda t: t * 3
    with pytest.raises(errors.SettingsError, match="Lambda with function"):
        compatibility.check_alike(teacher, student)


def _normalized():
    seeds.set_all(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, name="dense")(inputs)
    norm = keras.layers.BatchNormalization()
    x = norm(x)
    norm.moving_mean.assign(np.arange(6))
    return keras.Model(inputs, residual(x))


def test_a_quantized_layer_before_batch_norm_is_not_folded():
    model = _normalized()
    layers = [x for x in model.layers if isinstance(x, keras.layers.Dense)]
    for layer in layers:
        layer.quantize("int8")
    check_equal(model, frozen.freeze(model))
    check_equal(model, copying.copy_model(model))


def test_a_layer_with_lora_before_batch_norm_is_not_folded():
    model = _normalized()
    dense = model.get_layer("dense")
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    check_equal(model, frozen.freeze(model))
    check_equal(model, copying.copy_model(model))


class Hidden(keras.layers.Layer):
    """Has a factor that nothing saves."""

    factor = 1.0

    def call(self, x):
        return self.factor * x


class Random(keras.layers.Layer):
    """Adds other noise in each call."""

    def call(self, x):
        return x + tf.random.normal(tf.shape(x))


@pytest.mark.parametrize(("factor", "dtype"), [(3.0, None), (1.5, "bfloat16")])
def test_a_copy_that_answers_differently_is_refused(factor, dtype):
    inputs, hidden = keras.Input((4,)), Hidden(name="own")
    x = hidden(inputs)
    hidden.factor = factor
    model = keras.Model(inputs, residual(keras.layers.Dense(6)(x)))
    policy = f"mixed_{dtype}" if dtype else None
    for copy in (
        lambda: copying.copy_model(model, policy=policy),
        lambda: frozen.freeze(model, dtype or "float32"),
    ):
        with pytest.raises(errors.SettingsError, match=r"'own' .Hidden."):
            copy()


def test_an_answer_near_0_may_differ_by_rounding_in_half_precision():
    seeds.set_all(0)
    inputs = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(2, 64)(inputs)
    x = Hidden(name="own")(keras.layers.Flatten()(x))
    x = keras.layers.Dense(64, "tanh", kernel_initializer="he_normal")(20 * x)
    head = keras.layers.Dense(1)
    model = keras.Model(inputs, head(x))
    head.bias.assign(-samples.answers(model)[0][3])
    answers = samples.answers(model)[0]
    assert abs(answers[3]) < 1e-3 * abs(answers).max()
    for dtype in ("bfloat16", "float16"):
        frozen.freeze(model, dtype)
        half = copying.copy_model(model, policy=f"mixed_{dtype}")
        copying.copy_model(half, policy="float32")


def test_a_model_with_random_answers_is_copied():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(Random()(inputs)))
    copy = copying.copy_model(model)
    np.testing.assert_array_equal(copy.weights[0], model.weights[0])


class Closed(keras.layers.Layer):
    """Cannot be created from its configuration."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return super().get_config()


def test_a_layer_without_a_configuration_is_named():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, residual(Closed(6, name="own")(inputs)))
    with pytest.raises(errors.SettingsError, match=r"'own' .Closed. cannot be"):
        copying.copy_model(model)
    check_equal(model, frozen.freeze(model))  # It shares the layer.


def bent(x):
    return keras.ops.maximum(x, -x)


def test_a_function_of_the_user_in_a_wrapper_is_copied():
    inner = keras.layers.Dense(3, activation=bent)
    model = keras.Sequential(
        [keras.Input((5, 4)), keras.layers.TimeDistributed(inner)]
    )
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    np.testing.assert_allclose(copying.copy_model(model)(x), model(x))
