"""Data of a saved model: the dataset and the size that its file implies."""

import keras
import pytest

from lit_tf import config, errors
from lit_tf.experiment import run_data


@pytest.fixture
def own(tmp_path):
    """A saved model of the user, for inputs that are no digits."""
    x = keras.Input((12, 12, 3))
    y = keras.layers.Dense(5)(keras.layers.Flatten()(x))
    keras.Model(x, y).save(tmp_path / "own.keras")
    return str(tmp_path / "own.keras")


def test_a_forgotten_data_dir_is_named_and_not_digits_alone(own):
    complete = run_data.complete
    message = "--data_dir was not given.*digits.*8×8×1.*own.keras takes 12×12×3"
    with pytest.raises(errors.SettingsError, match=message):
        complete(config.Data(), config.Session(), own)
    # Whoever names the dataset means it.
    named = config.Data(dataset="digits")
    assert complete(named, config.Session(), own) is named


def test_a_file_that_cannot_be_read_is_refused_where_it_is_used(tmp_path):
    settings = config.Data()
    for name in ("missing.keras", "own.weights.h5"):
        completed = run_data.complete(
            settings, config.Session(), str(tmp_path / name)
        )
        assert completed.dataset == "digits"
