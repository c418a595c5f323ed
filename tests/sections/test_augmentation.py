"""Tests of augmentation layers: one view for teacher and student."""

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import errors
from lit_tf.methods import fitnets
from lit_tf.sections import augmentation

SEEN = []


@keras.saving.register_keras_serializable("tests")
class Spy(keras.layers.Layer):
    """Records the values that pass."""

    def call(self, x):
        if tf.executing_eagerly():
            SEEN.append(np.asarray(keras.ops.convert_to_numpy(x)))
        return x


def _model(*opening):
    """Returns a residual network that begins with some layers."""
    seeds.set_all(0)
    x = inputs = keras.Input((8, 8, 3))
    for layer in opening:
        x = layer(x)
    x = keras.layers.Conv2D(6, 3, padding="same")(Spy()(x))
    for k in range(3):
        y = keras.layers.Conv2D(6, 1, activation="relu", name=f"block_{k}")(x)
        x = keras.layers.Add(name=f"add_{k}")([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def _shift():
    return keras.layers.RandomTranslation(0.4, 0.4)


def _rescale():
    return keras.layers.Rescaling(1 / 255)


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return random.uniform(0, 255, (4, 8, 8, 3)).astype("float32")


def _seen(trainer, images):
    """Returns what each model reads in one step of training."""
    trainer.compile("sgd", run_eagerly=True)
    SEEN.clear()
    trainer.train_on_batch(images, np.array([0, 1, 2, 0]))
    return list(SEEN)


def test_distill_augments_once_for_both_models(images):
    teacher = _model(_rescale(), _shift())
    student = lit_tf.shrink(teacher, keep=(2,))
    one, other = _seen(lit_tf.Distill(teacher, student), images)
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - images / 255).max() > 0.1
    assert one.max() <= 1  # It was rescaled once.


@pytest.mark.parametrize("method", [lit_tf.LIT, fitnets.Hint])
def test_a_student_with_a_copied_stem_reads_augmented_images(images, method):
    teacher = _model(_rescale(), _shift())
    student = lit_tf.shrink(teacher, keep=(2,))
    trainer = method(teacher, student)
    for seen in _seen(trainer, images):
        assert np.abs(seen - images / 255).max() > 0.1
    SEEN.clear()
    trainer.test_on_batch(images, np.array([0, 1, 2, 0]))
    for seen in SEEN:
        np.testing.assert_allclose(seen, images / 255, atol=1e-6)


@pytest.mark.parametrize("augments", ["teacher", "student"])
def test_one_model_may_augment_for_both(images, augments):
    opening = {"teacher": (), "student": (), augments: (_shift(),)}
    teacher, student = map(lambda role: _model(*opening[role]), opening)
    trainer = lit_tf.Distill(teacher, student)
    one, other = _seen(trainer, images)
    np.testing.assert_array_equal(one, other)
    assert np.abs(one - images).max() > 10
    # A resumed run repeats the draws.
    seeds = [v for group in trainer.state.values() for v in group]
    assert any("seed" in v.path for v in seeds)


def test_different_augmentations_are_refused():
    teacher, student = _model(_shift()), _model(keras.layers.RandomFlip())
    with pytest.raises(errors.SettingsError, match="in the same way"):
        lit_tf.Distill(teacher, student)
    with pytest.raises(errors.SettingsError, match="may precede them"):
        lit_tf.Distill(_model(_rescale(), _shift()), _model(_rescale()))


@pytest.mark.parametrize(
    "opening",
    [
        (),
        (keras.layers.Rescaling(1 / 255),),
        (keras.layers.Dropout(0.2),),
        (keras.layers.GaussianNoise(0.2),),
        (keras.layers.Lambda(lambda x: x / 255),),
    ],
)
def test_other_openings_are_not_augmentation(opening):
    assert augmentation.augmented_view(_model(*opening)) is None


def test_two_branches_are_augmented():
    inputs = {name: keras.Input((8, 8, 1), name=name) for name in "abc"}
    x = [_shift()(inputs["a"]), keras.layers.RandomFlip()(inputs["c"])]
    x = keras.layers.Concatenate()([*x, inputs["b"]])
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(x))
    parts = augmentation.augmented_view(model)
    values = {
        name: np.random.default_rng(k).normal(size=(2, 8, 8, 1))
        for k, name in enumerate("abc")
    }
    augmented = parts.view(values, training=False)
    assert len(augmented) == 3
    np.testing.assert_array_equal(
        parts.rest(augmented, training=False), model(values, training=False)
    )


def test_an_export_does_not_augment(tmp_path, images):
    student = lit_tf.shrink(_model(_shift()), keep=(2,))
    expected = student.predict(images, verbose=0)
    trainer = lit_tf.Teach(student)
    for name, exported in (("student", student), ("trainer", trainer)):
        exported.export(tmp_path / name, verbose=False)
        reloaded = tf.saved_model.load(tmp_path / name)
        np.testing.assert_allclose(
            reloaded.serve(images), expected, rtol=1e-5, atol=1e-4
        )


class Twice(keras.layers.Layer):
    """A layer of a user that drops values."""

    def __init__(self):
        super().__init__()
        self.dropout = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.dropout(x, training=training)


@pytest.mark.parametrize("kind", ["attention", "dropout"])
def test_what_regularizes_is_no_augmentation(kind):
    x = inputs = keras.Input((4, 6))
    if kind == "attention":
        x = keras.layers.Attention(dropout=0.5)([x, x])
    else:
        x = Twice()(x)
    x = keras.layers.Dense(3)(x)
    assert augmentation.augmented_view(keras.Model(inputs, x)) is None
