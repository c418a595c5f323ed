"""`tf.data.Dataset`s of the user, collected as a dataset."""

import numpy as np
import pytest
import tensorflow as tf

from lit_tf import config, data, errors, models
from lit_tf.experiment import run


def stream(inputs, labels):
    return tf.data.Dataset.from_tensor_slices((inputs, labels))


def test_tf_data_datasets_are_collected():
    x = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    y = np.arange(9) % 3
    loaded = data.collected(
        stream(x[:6], y[:6]), stream(x[6:], y[6:]), classes=("a", "b", "c")
    )
    np.testing.assert_array_equal(loaded.train.inputs, x[:6])
    np.testing.assert_array_equal(loaded.test.labels, y[6:])
    assert loaded.validation is None and loaded.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (stream(np.zeros((4, 2)), np.zeros(4, int)), "two classes"),
        (stream(np.zeros((4, 2)), np.zeros(4)), "whole numbers from 0"),
        (
            stream(np.zeros((4, 3)), np.arange(4)),
            "all splits must have one shape",
        ),
        (tf.data.Dataset.range(3), "unbatched examples .input, label."),
        (stream(np.zeros((4, 2)), np.arange(4)).take(0), "`train` must hold"),
    ],
)
def test_invalid_tf_data_datasets_are_refused(train, message):
    test = stream(np.zeros((4, 2)), np.zeros(4, int))
    with pytest.raises(errors.DataError, match=message):
        data.collected(train, test)


@pytest.mark.usefixtures("small_family", "without_costs")
@pytest.mark.slow
def test_a_student_is_trained_on_a_collected_dataset(tmp_path, one_epoch):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    y = np.arange(40) % 3
    loaded = data.collected(
        stream(x[:20], y[:20]),
        stream(x[20:30], y[20:30]),
        validation=stream(x[30:], y[30:]),
    )
    models.get("small6")(**loaded.form).save(tmp_path / "teacher.keras")
    phase = one_epoch(20)
    results = run.compress(
        config.Compress(
            teacher_weights=str(tmp_path / "teacher.keras"),
            student="small6",
            with_fine_tune=False,
            lit=phase,
            fine_tune=phase,
            session=config.Session(workdir=str(tmp_path / "run")),
        ),
        dataset=loaded,
    )
    assert results["data"]["name"] == "own"
    assert (results["data"]["train"], results["data"]["test"]) == (20, 10)
    assert results["student"]["best"] is not None
