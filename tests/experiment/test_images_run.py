"""Generators: runs of `teach` and `compress`, and the files they write."""

import dataclasses
import json

import eager
import keras_alone
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import lit_tf
from lit_tf import config, data
from lit_tf.data import image_tensors
from lit_tf.experiment import run, student_training

ATTRIBUTES = {"Black_Hair", "Male", "Young"}


@pytest.fixture(scope="module")
def teacher_run(generators, tmp_path_factory):
    """The run folder and the report of a trained teacher."""
    workdir = tmp_path_factory.mktemp("teacher") / "run"
    chosen = generators(workdir, kind=config.Teach)
    # tests/experiment/test_images_trained.py traces these steps.
    with eager.steps():
        return workdir, run.teach(chosen, command="lit-teach --x")


@pytest.fixture(scope="module")
def fixed(generators, teacher_run, tmp_path_factory):
    """A compression with a fixed discriminator: folder, report, trainers."""
    workdir = tmp_path_factory.mktemp("fixed") / "run"
    chosen = generators(
        workdir,
        teacher_weights=str(teacher_run[0]),
        fine_tune=dataclasses.replace(generators(workdir).fine_tune, steps=11),
    )
    training_stages, trainers = student_training.training_stages, {}

    def recording_stages(*args):
        for stage in training_stages(*args):
            trainers[stage.name] = stage.trainer
            yield stage

    with eager.steps(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(student_training, "training_stages", recording_stages)
        report = run.compress(chosen, command="lit-compress --x")
    return workdir, report, trainers


def strict_json(path):
    """Returns the content of a JSON file, which may not hold NaN."""

    def fail(constant):
        raise AssertionError(f"{path} has {constant}")

    return json.loads(path.read_text(), parse_constant=fail)


def names(folder):
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_training_a_generator_also_writes_its_discriminator(teacher_run):
    workdir, report = teacher_run
    assert names(workdir) == {
        *("checkpoints", "config.json", "curves.png", "discriminator.keras"),
        *("logs", "metrics.jsonl", "recipe.flags", "report.html"),
        *("report.json", "report.md", "samples", "saved_model"),
        "teacher.keras",
    }
    for role in ("discriminator", "teacher"):
        assert keras_alone.is_enough_for(workdir / f"{role}.keras")
    assert names(workdir / "samples") == {
        *("teach_000003.png", "teach_000005.png", "test.png")
    }
    results = strict_json(workdir / "report.json")
    teacher = results["teacher"]
    assert results == report
    assert 0 <= teacher["attribute_accuracy"] <= 1
    assert teacher["attributes"].keys() == ATTRIBUTES
    assert results["judged"]["pictures"] == 4 * 3
    text = (workdir / "report.md").read_text()
    assert "Evaluated on 12 images per generator" in text
    assert "![Samples](samples/test.png)" in text and "lit-teach --x" in text


def test_a_compression_writes_the_usual_files_and_samples(
    fixed,
):
    workdir, report, _ = fixed
    assert names(workdir) == {
        *("checkpoints", "config.json", "curves.png", "logs", "report.md"),
        *(
            "metrics.jsonl",
            "recipe.flags",
            "report.json",
            "report.html",
            "samples",
        ),
        *("saved_model", "student.keras"),
    }
    assert keras_alone.is_enough_for(workdir / "student.keras")
    assert names(workdir / "samples") == {
        *("lit_000003.png", "lit_000005.png", "test.png"),
        *(f"fine_tune_0000{step}.png" for step in ("03", "06", "09", "11")),
    }
    with Image.open(workdir / "samples" / "test.png") as grid:
        # Four test images for teacher and student, each with three changes.
        assert grid.size == ((1 + 3) * 10, 4 * 2 * 10)
    results = strict_json(workdir / "report.json")
    assert results == report
    assert results["student"]["depth"] == 8
    assert results["student"]["likeness"]["l1"] > 0
    text = (workdir / "report.md").read_text()
    assert "![Samples](samples/test.png)" in text
    assert "Student against teacher" in text


def test_tensorboard_shows_the_samples(fixed):
    workdir, *_ = fixed
    (events,) = (workdir / "logs" / "fine_tune").glob("events.*")
    steps = [
        event.step
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "samples"
    ]
    assert steps == [3, 6, 9, 11]


def test_a_fixed_discriminator_and_the_teacher_do_not_change(
    teacher_run, fixed
):
    trainer = fixed[2]["fine_tune"]
    for path, model in (
        ("discriminator.keras", trainer.discriminator),
        ("teacher.keras", trainer.teacher),
    ):
        saved = lit_tf.load(teacher_run[0] / path).get_weights()
        for one, other in zip(model.get_weights(), saved, strict=True):
            np.testing.assert_array_equal(one, other)


def rows(workdir, phase):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["phase"] == phase]


def test_a_fixed_discriminator_has_no_losses(fixed):
    row = rows(fixed[0], "fine_tune")[-1]
    assert row.keys() >= {"g_fake", "g_cls", "g_rec", "total"}
    assert not any(name.startswith("d_") for name in row)
    assert rows(fixed[0], "lit")[-1].keys() >= {"kd", "ir", "total"}


def test_the_learning_rate_falls_within_an_epoch(fixed):
    rates = [row["learning_rate"] for row in rows(fixed[0], "lit")]
    assert rates[:5] == pytest.approx([1e-3, 1e-3, 1e-3, 0.8e-3, 0.4e-3])


def test_a_saved_model_returns_the_students_images_without_lit_tf(
    fixed, generators, image_folder, tmp_path, server
):
    workdir, *_ = fixed
    images = data.load(
        generators(tmp_path).data, data_dir=str(image_folder)
    ).test.inputs[:]
    target = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    np.savez(tmp_path / "inputs.npz", images=images, target=target)
    program = (
        "import sys; sys.modules['lit_tf'] = sys.modules['keras'] = None\n"
        "import numpy as np, tensorflow as tf\n"
        "_, folder = sys.argv\n"
        "serve = tf.saved_model.load(folder).signatures['serving_default']\n"
        "batch = np.load('inputs.npz').items()\n"
        "(images,) = serve(**{k: tf.constant(v) for k, v in batch}).values()\n"
        "np.save('outputs.npy', images.numpy())\n"
        "sys.exit()\n"
    )
    ended = server.run(
        "", str(workdir / "saved_model"), cwd=tmp_path, before=program
    )
    assert ended.code == 0, ended.err
    served = np.load(tmp_path / "outputs.npy")
    student = lit_tf.load(workdir / "student.keras")
    expected = image_tensors.to_bytes(
        student(
            (image_tensors.unit(images), tf.constant(target)), training=False
        )
    )
    assert served.dtype == np.uint8
    assert np.abs(served.astype(int) - expected.numpy().astype(int)).max() <= 1
    assert np.std(served) > 5  # Not a uniform grey.


def position(workdir, phase):
    with np.load(workdir / "checkpoints" / f"{phase}.npz") as archive:
        return json.loads(str(archive["position"]))


def test_a_phase_of_steps_ends_at_its_last_step(fixed):
    # An epoch has 8 steps: one ends within the first, one in the second.
    for phase, steps in (("lit", 5), ("fine_tune", 11)):
        assert position(fixed[0], phase)["step"] == steps
        results = [row["step"] for row in rows(fixed[0], phase)]
        assert sorted(set(results)) == [*range(1, steps + 1)]
