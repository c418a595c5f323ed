"""Teachers that `compress` refuses before training."""

import keras
import pytest
import small
from small_runs import settings_of

from lit_tf import config, errors, models
from lit_tf.experiment.run import compress

pytestmark = pytest.mark.usefixtures("small_family")


def test_sections_that_differ_are_refused_before_training(tmp_path):
    narrow = small.build(
        6, input_shape=(8, 8, 1), classes=10, mean=(5,), std=(6,), width=4
    )
    narrow.save(tmp_path / "narrow.keras")
    settings = settings_of(
        tmp_path / "run", teacher_weights=str(tmp_path / "narrow.keras")
    )
    with pytest.raises(errors.SettingsError, match="the stem") as caught:
        compress(settings)
    assert "teacher (4, 4, 4), student (4, 4, 8)" in str(caught.value)


def test_a_teacher_without_repeated_blocks_is_refused(tmp_path):
    keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    ).save(tmp_path / "plain.keras")
    settings = settings_of(
        tmp_path / "run", teacher_weights=str(tmp_path / "plain.keras")
    )
    with pytest.raises(
        errors.SettingsError, match="Only a model that repeats blocks"
    ):
        compress(settings)


def test_a_teacher_for_other_images_is_refused(tmp_path, build):
    build().save(tmp_path / "other.keras")
    settings = settings_of(
        tmp_path / "run",
        teacher_weights=str(tmp_path / "other.keras"),
        data=config.Data(),
    )
    with pytest.raises(errors.SettingsError, match="data are digits, with inp"):
        compress(settings)


def test_weights_of_another_depth_are_refused(tmp_path):
    shallow = models.get("small6")(
        input_shape=(8, 8, 1), classes=10, mean=(5,), std=(6,)
    )
    shallow.save_weights(tmp_path / "shallow.weights.h5")
    settings = settings_of(
        tmp_path / "run", teacher_weights=str(tmp_path / "shallow.weights.h5")
    )
    with pytest.raises(errors.DataError, match="weights of small10"):
        compress(settings)


def test_a_folder_without_a_teacher_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    settings = settings_of(
        tmp_path / "run", teacher_weights=str(tmp_path / "empty")
    )
    with pytest.raises(errors.DataError, match="holds neither"):
        compress(settings)
