"""Generators: the student that is closest to its teacher on validation."""

import dataclasses
import json

import eager
import numpy as np
import pytest
import seeds
import small

import lit_tf
from lit_tf import config, errors, outputs
from lit_tf.experiment.run import compress
from lit_tf.experiment.tasks import TASKS
from lit_tf.models import get, stargan

FORM = {"input_shape": (8, 8, 3), "classes": 3}
ATTRIBUTES = ("Black_Hair", "Male", "Young")


@pytest.fixture(scope="module")
def ran(generators, tmp_path_factory):
    """The folder and the report of a run whose phase fine_tune is harmful."""
    folder = tmp_path_factory.mktemp("chosen")
    seeds.set_all(0)
    teacher = get("stargan8", width=4)(attributes=ATTRIBUTES, **FORM)
    teacher.save(folder / "teacher.keras")
    stargan.discriminator(width=4, depth=2, **FORM).save(
        folder / "discriminator.keras"
    )
    phase = generators("").lit
    chosen = generators(
        folder / "run",
        teacher="stargan8",
        teacher_weights=str(folder),
        discriminator="trained",
        export="closest",
        lit=dataclasses.replace(phase, steps=3),
        # One epoch has four steps of two batches.
        fine_tune=dataclasses.replace(phase, steps=12, learning_rate=0.1),
    )
    with pytest.MonkeyPatch.context() as patch:
        small.skip_costs(patch.setattr)
        # A few steps; tests/experiment/test_images_trained.py traces them.
        with eager.steps():
            return folder / "run", compress(chosen)


def scores(folder, phase):
    """Returns 1 − L1 on validation after each epoch of a phase."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["phase"] == phase]
    return [1 - r["validation/kd"] for r in rows if "validation/kd" in r]


def test_a_phase_that_makes_a_generator_worse_ends_after_one_epoch(ran):
    folder, report = ran
    (after_lit,), (after_fine_tune,) = (
        scores(folder, phase) for phase in ("lit", "fine_tune")
    )
    assert after_fine_tune < after_lit
    student = report["student"]
    assert student["stopped"]
    assert report["budget"]["phases"]["fine_tune"]["examples"] == 4 * 8
    for moment, phase, score in (
        ("last", "fine_tune", after_fine_tune),
        ("best", "lit", after_lit),
    ):
        assert student[moment]["phase"] == phase
        assert student[moment]["epoch"] == 1
        assert student[moment]["validation_likeness"] == pytest.approx(score)


def test_the_closest_generator_is_saved_and_the_report_says_so(ran):
    folder, report = ran
    student = report["student"]
    assert student["exported"] == "best"
    assert student["likeness"] == student["best"]["likeness"]
    assert student["likeness"]["l1"] < student["last"]["likeness"]["l1"]
    with np.load(folder / "checkpoints" / "lit.npz") as archive:
        names = sorted(n for n in archive.files if n.startswith("best/"))
        best = {name: archive[name] for name in names}
    saved = lit_tf.load(folder / "student.keras").variables
    for i, variable in enumerate(saved):
        np.testing.assert_array_equal(variable, best[f"best/{i}"])
    # The discriminator belongs to the other student.
    assert not (folder / "discriminator.keras").exists()
    text = " ".join((folder / "report.md").read_text().split())
    assert "This is the student of phase lit, epoch 1, whose images" in text
    assert "Phase fine_tune was stopped after epoch 1, because it" in text


def test_the_score_of_a_generator_is_one_minus_the_difference():
    images = outputs.Images()
    assert images.score({"val_kd": 0.25}) == 0.75
    assert images.score({"val_total": 0.25}) is None
    assert outputs.Images(scored=False).score({"val_kd": 0.25}) is None


@pytest.mark.parametrize("task", ["classes", "embeddings"])
def test_closest_is_refused_where_there_are_no_images(task):
    with pytest.raises(errors.SettingsError) as caught:
        TASKS[task].check(config.Compress(export="closest"), None)
    assert str(caught.value) == (
        "`export` closest is for image translation. Choose best or last. "
        "Received: export='closest'."
    )
