"""Run folders of `lit_tf.compress`: resumed, finished, read again."""

import json
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from own_models import CLASSES, INPUTS, VALUES, built, classifier, compress

import lit_tf
from lit_tf import errors
from lit_tf.comparison import gather

pytestmark = pytest.mark.usefixtures("quick")


def test_a_run_that_ended_within_a_validation_resumes(compiled, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_test_batch_begin(self, batch, logs=None):
            signal.raise_signal(signal.SIGINT)

    model, data = classifier(), (INPUTS, CLASSES)
    with pytest.raises(KeyboardInterrupt):
        compress(model, data, workdir=tmp_path / "run", callbacks=[Stop()])
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    how = {"workdir": tmp_path / "run", "callbacks": [log]}
    resumed = compress(model, data, **how)
    assert resumed.history == compiled.history
    for one, other in zip(
        compiled.student.get_weights(),
        resumed.student.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_run_folder_is_resumed_and_read_again(compiled, tmp_path, capsys):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if type(self.model).__name__ == "Distill":
                raise KeyboardInterrupt

    model, data = classifier(), (INPUTS, CLASSES)
    with pytest.raises(KeyboardInterrupt):
        compress(model, data, workdir=tmp_path / "run", callbacks=[Stop()])
    resumed = compress(model, data, workdir=tmp_path / "run")
    for one, other in zip(
        compiled.student.get_weights(),
        resumed.student.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    # A run of an earlier version, which did not have this setting.
    begun = json.loads((tmp_path / "run" / "config.json").read_text())
    del begun["settings"]["fast_layers"]
    (tmp_path / "run" / "config.json").write_text(json.dumps(begun))
    again = compress(model, data, workdir=tmp_path / "run")
    (tmp_path / "run" / "export_keras.json").mkdir()
    with pytest.raises(errors.DataError, match="is a folder, not a file"):
        again.export(tmp_path / "s.keras")
    (tmp_path / "run" / "export_keras.json").rmdir()
    again.export(tmp_path / "s.keras")
    facts = json.loads((tmp_path / "run" / "export_keras.json").read_text())
    assert facts["export"]["accuracy"] == facts["model"]["accuracy"]
    assert facts["teacher"]["latency_ms"] > 0
    other = classifier()
    other.set_weights([2 * value for value in model.get_weights()])
    for arguments in ((other, data), (model, (INPUTS + 1, CLASSES))):
        with pytest.raises(errors.DataError, match="started with another"):
            compress(*arguments, workdir=tmp_path / "run")
    assert "is finished" in capsys.readouterr().out
    assert str(again) == str(resumed)
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"report.json", "report.md", "saved_model", "logs"} <= written
    gathered = gather.gather([str(tmp_path / "run")], str(tmp_path / "all"))
    (row,) = gathered["data"][0]["rows"]
    best = max(
        np.concatenate([p["val_accuracy"] for p in compiled.history.values()])
    )
    assert row["accuracies"]["validation_best"] == [pytest.approx(best)]
    assert row["train_examples"] == 2 * 86
    served = tf.saved_model.load(str(tmp_path / "run" / "saved_model"))
    np.testing.assert_allclose(
        served.serve(INPUTS[:4]), resumed.student(INPUTS[:4]), rtol=1e-5
    )


def test_without_a_run_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compress(classifier(), (INPUTS, CLASSES), epochs=1)
    assert list(tmp_path.iterdir()) == []


class OwnDense(keras.layers.Dense):
    """A class that is not registered."""


def test_a_finished_run_of_a_class_that_is_not_registered_is_read(tmp_path):
    def model():
        layers = [OwnDense(6, activation="relu") for _ in range(4)]
        model = keras.Sequential(
            [keras.Input((6,)), *layers, keras.layers.Dense(2)]
        )
        model.compile(loss=lambda y, z: z[:, 0], metrics=["accuracy"])
        return model

    own = model()
    arguments = {"cuts": [layer.name for layer in own.layers[:4:3]]}
    arguments |= {"keep": 1, "workdir": tmp_path / "run", "init": "fresh"}
    kind = lit_tf.outputs.Classes()
    first = compress(own, (INPUTS, CLASSES), outputs=kind, **arguments)
    again = compress(own, (INPUTS, CLASSES), outputs=kind, **arguments)
    np.testing.assert_array_equal(
        first.student.predict(INPUTS, verbose=0),
        again.student.predict(INPUTS, verbose=0),
    )
    (tmp_path / "run" / "student.keras").write_bytes(b"PK")
    with pytest.raises(errors.DataError, match="student.keras cannot be read"):
        compress(own, (INPUTS, CLASSES), outputs=kind, **arguments)


def test_a_run_with_a_metric_of_nan_ends_with_its_report(tmp_path):
    class Undefined(keras.metrics.MeanSquaredError):
        def result(self):
            return super().result() * float("nan")

    model = built((1,), loss="mse", metrics=[Undefined(name="undefined")])
    one = INPUTS[:1], VALUES[:1]
    result = compress(model, (INPUTS, VALUES), one, workdir=tmp_path)
    assert "On 1 validation examples the student's loss is" in str(result)
    assert "interval" not in str(result)
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["teacher"]["metrics"]["undefined"] is None


def test_a_run_of_one_epoch_ends_with_its_report(tmp_path):
    data = INPUTS, CLASSES
    result = compress(classifier(), data, epochs=1, workdir=tmp_path / "run")
    assert [*result.history] == ["lit"]
    assert (tmp_path / "run" / "report.json").is_file()
