"""Training with faster twins of Keras's layers: equal students, equal files."""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf.layers import fast_layers

INPUTS = np.random.default_rng(0).normal(2.0, 3.0, (20, 8, 8, 3))
LABELS = np.arange(20) % 3


def built():
    """Returns a model of two blocks with norms before the convolutions."""
    seeds.set_all(1)
    x = start = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(x)
    for _ in range(2):
        y = keras.layers.BatchNormalization(
            momentum=0.8, gamma_regularizer=keras.regularizers.L1(1e-3)
        )(x)
        y = keras.layers.ReLU()(y)
        y = keras.layers.Conv2D(4, 3, padding="same")(y)
        x = keras.layers.Add()([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, keras.layers.Dense(3)(x))


@pytest.fixture(autouse=True)
def _any_size(monkeypatch):
    """Fuses layers that are too small to be faster."""
    monkeypatch.setattr(fast_layers, "_LEAST_VALUES", 0)


def trainer_of(method, fast, **how):
    teacher = built()
    model = method(teacher, lit_tf.shrink(teacher, keep=1))
    model.fast_layers = fast
    model.compile(lit_tf.SGD(0.05, momentum=0.9), **how)
    return model


def test_twins_train_the_same_student_which_is_saved_with_keras_layers(
    tmp_path,
):
    results = []
    for fast in (False, True):
        model = trainer_of(lit_tf.LIT, fast, run_eagerly=True)
        data = (INPUTS, LABELS)
        history = model.fit(
            *data, batch_size=16, shuffle=False, verbose=0, validation_data=data
        ).history
        results.append(
            [*map(np.float32, history.values()), *model.student.get_weights()]
        )
    for expected, result in zip(*results, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "student.keras")
    student = keras.models.load_model(tmp_path / "student.keras")
    kinds = {type(layer) for layer in student._flatten_layers()}
    assert keras.layers.BatchNormalization in kinds
    assert not any(kind.__module__.startswith("lit_tf") for kind in kinds)
    answers = model.student(INPUTS)
    np.testing.assert_allclose(student(INPUTS), answers, atol=1e-5)


def test_a_step_fuses_the_norms_of_student_and_frozen_teacher():
    fused = {}
    for fast in (False, True):
        model = trainer_of(lit_tf.Distill, fast)
        step = tf.function(lambda x, y, model=model: model.train_step((x, y)))
        graph = step.get_concrete_function(
            tf.TensorSpec((None, 8, 8, 3)), tf.TensorSpec((None,), tf.int32)
        ).graph
        kinds = [op.type for op in graph.get_operations()]
        fused[fast] = kinds.count("FusedBatchNormV3")
    assert fused == {False: 0, True: 1 + 2}
