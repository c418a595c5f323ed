"""Models of the user's that are refused with the reason."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from home_made import home_made

from lit_tf import config, errors
from lit_tf.experiment.run import compress


def test_compression_of_latency_is_refused_on_several_machines():
    with pytest.raises(errors.SettingsError, match="would measure different"):
        config.Compress(
            shrink=config.Shrink(compression=2.0, compression_of="latency"),
            compute=config.Compute(strategy="multi_worker"),
        )


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (
            home_made,
            {"shrink": config.Shrink()},
            "same number of sections.* example with --compression=2; lit-p",
        ),
        (
            lambda: home_made(classes=4),
            {},
            r"3 classes. Received: model mine with .* outputs \(4,\)",
        ),
        (
            home_made,
            {"shrink": config.Shrink(compression=50)},
            r"can be 2\.\d\d at most",
        ),
        (
            home_made,
            {"shrink": config.Shrink(keep=(9, 9))},
            "its number of blocks: 3, 3",
        ),
        (
            home_made,
            {"shrink": config.Shrink(keep=(1,), cuts=("nowhere", "pool"))},
            "no layer 'nowhere'",
        ),
    ],
)
def test_the_message_says_why_there_is_no_student(own, make, settings, message):
    with pytest.raises(errors.SettingsError, match=message):
        compress(own(make(), **settings))


def test_a_model_of_channels_first_is_refused_with_the_reason(own):
    image = keras.Input((3, 8, 8))
    x = keras.layers.Flatten()(image)
    settings = own(keras.Model(image, keras.layers.Dense(3)(x)))
    with pytest.raises(errors.SettingsError, match="channels_last"):
        compress(settings)


class Subclassed(keras.Model):
    """A model whose graph is unknown."""

    def __init__(self, dense=None, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(keras.layers.Flatten()(x))


def test_teachers_without_a_graph_are_refused_with_the_reason(own):
    model = Subclassed()
    model(np.zeros((1, 8, 8, 3)))
    with keras.saving.custom_object_scope({"Subclassed": Subclassed}):
        with pytest.raises(errors.SettingsError, match="functional or sequen"):
            compress(own(model))
    folder = pathlib.Path(own(home_made()).teacher_weights).parent / "saved"
    home_made().export(folder, verbose=False)
    settings = own(home_made())
    settings = dataclasses.replace(settings, teacher_weights=str(folder))
    with pytest.raises(errors.DataError, match="is a SavedModel, which has"):
        compress(settings)


def test_student_and_keep_together_are_refused():
    with pytest.raises(
        errors.SettingsError, match="Pass either `student` or `comp"
    ):
        config.Compress(student="resnet8", shrink=config.Shrink(keep=(1, 1)))


def test_a_truncated_file_and_a_file_with_code_are_refused(own):
    settings = own(home_made())
    path = pathlib.Path(settings.teacher_weights)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(errors.DataError, match="not a complete .keras file"):
        compress(settings)
    code = own(home_made(extra=[keras.layers.Lambda(lambda x: x + 1)]))
    with pytest.raises(errors.DataError, match="which is never executed"):
        compress(code)
