"""A trainer in Keras's `fit`: averages of weights, monitors, warnings."""

import warnings

import keras
import numpy as np
import pytest

import lit_tf
from lit_tf import outputs


class Recorded(keras.callbacks.Callback):
    """Keeps the trained variables after each step."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        variables = self.model.trained_variables
        self.values.append([v.numpy().copy() for v in variables])


def test_averaged_weights_are_those_of_the_trained_variables(dense, vectors):
    x, y = vectors(24)
    teacher, student = dense(1), dense(2)
    trainer = lit_tf.LIT(teacher, student)
    trainer.compile(
        keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7),
        jit_compile=False,
    )
    recorded = Recorded()
    trainer.fit(
        x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[recorded]
    )
    first, *later = recorded.values
    averages = first
    for values in later:
        averages = [
            0.7 * one + 0.3 * other
            for one, other in zip(averages, values, strict=True)
        ]
    trained = [v.numpy() for part in student.sections for v in part.variables]
    for one, other in zip(trained, averages, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    for part in ("stem", "head"):
        pairs = (
            getattr(model, part).get_weights() for model in (student, teacher)
        )
        for one, other in zip(*pairs, strict=True):
            np.testing.assert_array_equal(one, other)


def test_trainable_variables_are_those_of_the_optimizer(dense):
    trainer = lit_tf.LIT(dense(1), dense(2))
    trainer.compile("sgd")
    sections = [v for s in trainer.student.sections for v in s.variables]
    for listed in (trainer.trainable_variables, trainer.trainable_weights):
        assert [id(v) for v in listed] == [id(v) for v in sections]
    assert len(trainer.weights) > len(sections)


@pytest.mark.parametrize(
    ("monitor", "better"),
    [
        ("val_accuracy", "greater"),
        ("accuracy", "greater"),
        ("val_total", "less"),
        ("val_section_1/penalty_teacher_fed", "less"),
        ("val_loss", "less"),
    ],
)
def test_callbacks_know_the_direction_of_a_metric(dense, monitor, better):
    trainer = lit_tf.LIT(dense(1), dense(2))
    trainer.compile("sgd")
    callback = keras.callbacks.EarlyStopping(monitor)
    callback.set_model(trainer)
    callback._set_monitor_op()
    assert callback.monitor_op is getattr(keras.ops, better)
    # The list that shows the directions reports and holds nothing itself.
    names = trainer.metrics_names
    assert names[0] == "loss" and names[-1] == "accuracy"
    assert len(trainer.metrics_variables) == 2 * len(names)


def test_a_direction_is_known_for_each_of_several_outputs():
    inputs = keras.Input((4,))
    parts = [keras.layers.Dense(3)(inputs), keras.layers.Dense(1)(inputs)]
    kind = outputs.Several([outputs.Classes(), outputs.Values()])
    trainer = lit_tf.Teach(keras.Model(inputs, parts), outputs=kind)
    trainer.compile("sgd")
    for name, better in (
        ("output_1_accuracy", "greater"),
        ("output_2_mean_absolute_error", "less"),
    ):
        callback = keras.callbacks.ModelCheckpoint("x.keras", f"val_{name}")
        callback.set_model(trainer)
        callback._set_monitor_op()
        assert callback.monitor_op is getattr(keras.ops, better)


@pytest.mark.parametrize("order", ["other", "same"])
def test_a_teacher_at_chance_is_named(order):
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 600)
    x = (4 * np.eye(3)[y] + random.normal(size=(600, 3))).astype("float32")

    def model():
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(3)(inputs))

    teacher = model()
    kernel = np.eye(3) if order == "same" else np.roll(np.eye(3), 1, axis=0)
    teacher.set_weights([kernel, np.zeros(3)])
    trainer = lit_tf.Distill(teacher, model())
    trainer.compile("sgd")
    data = {"x": x, "y": y, "batch_size": 200, "verbose": 0}
    if order == "other":
        with pytest.warns(UserWarning, match="no better than chance on 256"):
            trainer.fit(**data)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="The teacher")
            trainer.fit(**data)
