"""Faults of `keras.distillation` that `lit_tf` does not have.

These tests are about Keras, so they run only by `pytest -m keras_faults`. If
one fails, Keras has repaired the fault, and the row in `docs/exactness.md` is
no longer true.
"""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

from lit_tf.training import devices

distillation = pytest.importorskip("keras.distillation")

pytestmark = [
    pytest.mark.keras_faults,
    pytest.mark.skipif(
        not keras.__version__.startswith("3.15."),
        reason="These are faults of Keras 3.15.",
    ),
    pytest.mark.filterwarnings("ignore"),
]
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
FEATURES = {"teacher_layer_name": "feature", "student_layer_name": "feature"}


def model(seed, width=6, end=None, **settings):
    seeds.set_all(seed)
    x = keras.Input((4,))
    y = keras.layers.Dense(width, name="feature", **settings)(x)
    y = keras.layers.BatchNormalization(momentum=0.5, name="norm")(y)
    return keras.Model(x, keras.layers.Dense(3, end, name="dense")(y))


def vectors():
    random = np.random.default_rng(0)
    x = random.normal(size=(6, 4)).astype("float32")
    return x, random.integers(0, 3, 6)


def distiller(teacher, student, loss=None, objective=CROSS_ENTROPY, **settings):
    loss = loss or distillation.FeatureDistillation(**FEATURES)
    trainer = distillation.Distiller(teacher, student, loss, **settings)
    trainer.compile(keras.optimizers.SGD(0.1), objective)
    return trainer


def test_the_default_loss_is_not_kd():
    random = np.random.default_rng(1)
    z_t, z_s = random.normal(scale=3, size=(2, 4, 5)).astype("float32")
    z_s, tau = tf.Variable(z_s), 3.0
    default = distillation.LogitsDistillation(tau)
    right = distillation.LogitsDistillation(tau, keras.losses.KLDivergence())
    slopes = []
    for loss in (default, right):
        with tf.GradientTape() as tape:
            value = loss.compute_loss(tf.constant(z_t), z_s)
        slopes.append(np.ravel(tape.gradient(value, z_s)))
    cosine = slopes[0] @ slopes[1] / np.prod(np.linalg.norm(slopes, axis=1))
    assert cosine < 0.5


def test_a_feature_loss_updates_batchnorm_twice():
    (x, y), student = vectors(), model(2)
    mean = student.get_layer("feature")(x).numpy().mean(axis=0)
    distiller(model(1), student).train_on_batch(x, y)
    seen = student.get_layer("norm").moving_mean
    np.testing.assert_allclose(
        seen, 0.75 * mean, rtol=1e-4
    )  # Once would be 0.5.


def test_evaluation_changes_the_student():
    student = model(2)
    before = student.get_weights()
    distiller(model(1), student).evaluate(*vectors(), verbose=0)
    pairs = zip(before, student.get_weights(), strict=True)
    assert any(np.any(old != new) for old, new in pairs)


def test_regularisers_and_weights_of_examples_are_dropped():
    plain, reports = vectors(), []
    for data, settings in (
        (plain, {}),
        ((*plain, np.zeros(6)), {}),
        (plain, {"kernel_regularizer": keras.regularizers.L2(10.0)}),
    ):
        trainer = distiller(model(1), model(2, **settings))
        reports.append(trainer.train_on_batch(*data, return_dict=True))
    assert reports[0] == pytest.approx(reports[1], rel=1e-5)
    assert reports[0] == pytest.approx(reports[2], rel=1e-5)


def test_two_replicas_step_twice_as_far():
    x, y = vectors()
    moved = []
    for strategy in (
        tf.distribute.get_strategy(),
        devices.strategy("mirrored"),
    ):
        with strategy.scope():
            student = keras.Sequential(
                [keras.Input((4,)), keras.layers.Dense(3, "softmax")]
            )
            student.set_weights([np.eye(4, 3), np.zeros(3)])
            trainer = distiller(
                *(keras.models.clone_model(student), student),
                distillation.LogitsDistillation(),
                objective="sparse_categorical_crossentropy",
                student_loss_weight=1.0,
            )
        batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(6)
        trainer.fit(batches, shuffle=False, verbose=0)
        moved.append(student.get_weights()[0] - np.eye(4, 3))
    np.testing.assert_allclose(moved[1], 2 * moved[0], rtol=1e-3, atol=1e-6)


def test_features_of_float16_overflow():
    features = tf.fill([2, 4], tf.constant(1e3, tf.float16))
    loss = distillation.FeatureDistillation("mse")
    assert np.isinf(loss.compute_loss(features, -features))


def test_a_float16_student_is_not_scaled_and_needs_a_float16_teacher():
    half = [model(seed, dtype="mixed_float16") for seed in (1, 2)]
    trainer = distiller(*half)
    assert not isinstance(
        trainer.optimizer, keras.optimizers.LossScaleOptimizer
    )
    x = keras.Input((4,))
    student = keras.Model(x, keras.layers.Dense(3, dtype="mixed_float16")(x))
    with pytest.raises(ValueError, match="output dtypes must match"):
        distiller(model(1), student)


def test_a_reloaded_distiller_crashes_in_fit(tmp_path):
    trainer = distiller(model(1), model(2))
    trainer.fit(*vectors(), verbose=0)
    trainer.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    with pytest.raises(AttributeError, match="_student_loss"):
        again.fit(*vectors(), verbose=0)


def test_the_teacher_is_exported_too(tmp_path):
    trainer = distiller(model(1), model(2))
    trainer.fit(*vectors(), verbose=0)
    trainer.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert len(loaded.variables) == 2 * len(trainer.student.variables)


def test_other_widths_broadcast_or_fail_in_the_first_step():
    distiller(model(1, 8), model(2, 1)).fit(*vectors(), verbose=0)
    built = distiller(model(1, 8), model(2, 5))
    with pytest.raises(ValueError, match="Dimensions must be equal"):
        built.fit(*vectors(), verbose=0)


def test_a_missing_layer_name_means_the_final_output():
    # The student's layer is named, but its logits are compared.
    half = distillation.FeatureDistillation(student_layer_name="feature")
    reports = [
        distiller(model(1), model(2), loss).train_on_batch(
            *vectors(), return_dict=True
        )
        for loss in (half, distillation.FeatureDistillation())
    ]
    name = "distillation_loss"
    assert reports[0][name] == pytest.approx(reports[1][name], rel=1e-5)


@pytest.mark.parametrize("name", ["inner", "block/inner"])
def test_nested_layers_cannot_be_reached(name):
    def nested():
        layers = [keras.Input((4,)), keras.layers.Dense(5, name="inner")]
        block = keras.Sequential(layers, name="block")
        return keras.Sequential([keras.Input((4,)), block])

    loss = distillation.FeatureDistillation(
        teacher_layer_name=name, student_layer_name=name
    )
    with pytest.raises(ValueError, match="No such layer"):
        distiller(nested(), nested(), loss)


def test_a_probability_loss_is_paired_with_logits():
    # Its documented example pairs a loss of probabilities with one of logits.
    # Models that return logits and models that return probabilities are both
    # accepted.
    for end in (None, "softmax"):
        trainer = distiller(
            *(model(1, end=end), model(2, end=end)),
            distillation.LogitsDistillation(temperature=3.0),
            objective="sparse_categorical_crossentropy",
        )
        trainer.fit(*vectors(), verbose=0)
