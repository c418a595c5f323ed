"""A dry run checks settings, measures steps and writes nothing."""

import dataclasses

import numpy as np
import pytest
import small

from lit_tf import config, data, errors, models
from lit_tf.experiment import dry_run, step_time

SHORT = config.Phase(
    epochs=3, batch_size=200, learning_rate=0.05, weight_decay=0.0
)


@pytest.fixture
def settings(small_family, tmp_path):
    """A compression of digits with small models."""
    return config.Compress(
        teacher="small10",
        student="small6",
        min_teacher_accuracy=0.0,  # A teacher here is not trained.
        teach=SHORT,
        lit=SHORT,
        fine_tune=dataclasses.replace(SHORT, epochs=0),
        session=config.Session(workdir=str(tmp_path / "run")),
    )


@pytest.fixture
def saved(small_family, tmp_path):
    """The path of a saved teacher, and the teacher."""
    teacher = models.get("small10")(**data.DATASETS["digits"].form())
    teacher.save(tmp_path / "teacher.keras")
    return str(tmp_path / "teacher.keras"), teacher


def test_a_dry_run_measures_every_phase_and_writes_nothing(
    settings, tmp_path, capsys
):
    results = dry_run.dry_run(settings)
    assert list(results["phases"]) == ["teach", "lit", "fine_tune"]
    assert (
        results["phases"]["lit"]["steps"] == 7
    )  # 1,293 images in batches of 200.
    step = results["phases"]["lit"]["step_seconds"]
    assert results["phases"]["lit"]["seconds"] > 3 * 7 * step
    assert results["phases"]["fine_tune"]["seconds"] == 0.0
    assert results["teacher_accuracy"] is None
    assert not any(tmp_path.iterdir())
    printed = capsys.readouterr().out
    for word in ("section 2", "2,368", "small6: 3,762", "Nothing"):
        assert word in printed


@pytest.mark.usefixtures("unmeasured")
def test_a_dry_run_evaluates_the_teacher_and_does_not_change_its_file(
    settings, saved, capsys
):
    path, teacher = saved
    validation = data.load(settings.data).validation
    with open(path, "rb") as file:
        before = file.read()
    results = dry_run.dry_run(
        dataclasses.replace(settings, teacher_weights=path)
    )
    classes = np.argmax(teacher.predict(validation.inputs, verbose=0), axis=-1)
    assert results["teacher_accuracy"] == np.mean(classes == validation.labels)
    assert list(results["phases"]) == ["lit", "fine_tune"]
    with open(path, "rb") as file:
        assert file.read() == before


def test_a_dry_run_refuses_the_settings_that_a_run_refuses(settings, tmp_path):
    narrow = small.build(6, **data.DATASETS["digits"].form(), width=4)
    narrow.save(tmp_path / "narrow.keras")
    narrow = dataclasses.replace(
        settings, teacher_weights=str(tmp_path / "narrow.keras")
    )
    with pytest.raises(errors.SettingsError, match="after the stem must have"):
        dry_run.dry_run(narrow)


def test_a_teacher_with_weights_that_are_not_finite_is_refused(
    settings, saved, tmp_path
):
    _, teacher = saved
    kernel = teacher.sections[1].get_layer("block_1_conv_1").kernel
    kernel.assign(kernel * np.nan)
    teacher.save(tmp_path / "nan.keras")
    broken = dataclasses.replace(
        settings, teacher_weights=str(tmp_path / "nan.keras")
    )
    with pytest.raises(errors.DataError, match="Not finite: .*block_1_conv_1"):
        dry_run.dry_run(broken)


@pytest.mark.usefixtures("unmeasured")
def test_a_dry_run_prints_the_dtypes_of_the_student(settings, capsys):
    dry_run.dry_run(settings)
    assert "small6 computes in float32, with" in capsys.readouterr().out
    half = config.Compute(dtype="mixed_bfloat16")
    dry_run.dry_run(dataclasses.replace(settings, compute=half))
    assert (
        "small6 computes in bfloat16, with variables in float32 and logits in "
        "float32"
    ) in capsys.readouterr().out


@pytest.mark.usefixtures("uncomputed")
def test_the_time_includes_every_step_and_compiling_once(settings, monkeypatch):
    class FixedTimes(step_time._Clock):
        def on_train_batch_end(self, batch, logs=None):
            self.train.append(1.0 if self.train else 11.0)

        def on_test_batch_end(self, batch, logs=None):
            self.test.append(0.5 if self.test else 4.5)

    monkeypatch.setattr(step_time, "_Clock", FixedTimes)
    large = dataclasses.replace(settings.fine_tune, batch_size=5000)
    settings = dataclasses.replace(settings, fine_tune=large)
    results = dry_run.dry_run(settings)["phases"]
    # Three epochs of 7 steps and a batch of 144 validation images.
    assert results["lit"]["seconds"] == 3 * (7 * 1.0 + 0.5) + 10.0 + 4.0
    assert results["fine_tune"]["seconds"] == 0.0
    assert results["fine_tune"]["batch_size"] == 1293  # All of the images.
