"""Generators: runs that also train the discriminator in `fine_tune`.

Phase `teach` trains with the same class, `Adversarial`; its teacher is not
trained here.
"""

import dataclasses
import functools
import json
import shutil

import numpy as np
import pytest
import seeds
import small

import lit_tf
from lit_tf.evaluation.generators import evaluate
from lit_tf.experiment.run import compress
from lit_tf.models import get, stargan
from lit_tf.training import callbacks

# tests/experiment/test_images_run.py has a run with a trained discriminator, of
# `teach`; tests/methods/test_stargan.py has the steps.
pytestmark = pytest.mark.slow

FORM = {"input_shape": (8, 8, 3), "classes": 3}
ATTRIBUTES = ("Black_Hair", "Male", "Young")


@pytest.fixture(scope="module", autouse=True)
def short():
    """Lets runs end without the costs; tests/experiment/test_images_run.py."""
    with pytest.MonkeyPatch.context() as patch:
        small.skip_costs(patch.setattr)
        yield


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A folder with an untrained teacher and a discriminator."""
    folder = tmp_path_factory.mktemp("teacher")
    seeds.set_all(0)
    generator = get("stargan8", width=4)(attributes=ATTRIBUTES, **FORM)
    generator.save(folder / "teacher.keras")
    stargan.discriminator(width=4, depth=2, **FORM).save(
        folder / "discriminator.keras"
    )
    return folder


@pytest.fixture(scope="module")
def settings(generators, teacher):
    """A function: run folder, changes → settings without steps in `lit`."""
    return functools.partial(
        generators,
        teacher="stargan8",
        teacher_weights=str(teacher),
        discriminator="trained",
        lit=dataclasses.replace(generators("").lit, steps=0),
    )


@pytest.fixture(scope="module")
def run(short, settings, tmp_path_factory):
    """A run folder, and the discriminator's weights at each evaluation.

    `killed` next to the folder is a copy after two steps.
    """
    workdir = tmp_path_factory.mktemp("generators") / "run"
    evaluated_with, batches = [], []
    save = callbacks.SaveCheckpoints.on_train_batch_end

    def copying_save(self, batch, logs=None):
        save(self, batch, logs)
        batches.append(batch)
        if len(batches) == 2:
            shutil.copytree(workdir, workdir.with_name("killed"))

    def recording_evaluate(*args, discriminator, **options):
        evaluated_with.append(discriminator.get_weights())
        return evaluate(*args, discriminator=discriminator, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "lit_tf.evaluation.generators.evaluate", recording_evaluate
        )
        patch.setattr(
            callbacks.SaveCheckpoints, "on_train_batch_end", copying_save
        )
        compress(settings(workdir, session={"checkpoint_steps": 1}))
    return workdir, evaluated_with


def weights(path):
    return lit_tf.load(path).get_weights()


def equal(arrays, others):
    pairs = zip(arrays, others, strict=True)
    return all(np.array_equal(array, other) for array, other in pairs)


def test_the_trained_discriminator_is_saved_and_the_teachers_evaluates(
    run, teacher
):
    workdir, evaluated_with = run
    trained = weights(workdir / "discriminator.keras")
    teachers = weights(teacher / "discriminator.keras")
    assert not equal(trained, teachers)
    # Before training, and at the end.
    assert len(evaluated_with) == 2
    assert all(equal(one, teachers) for one in evaluated_with)


def test_the_losses_of_generator_and_discriminator_are_logged(run):
    lines = (run[0] / "metrics.jsonl").read_text().splitlines()
    row = [r for r in map(json.loads, lines) if r["phase"] == "fine_tune"][-1]
    generator = {"g_fake", "g_cls", "g_rec", "total"}
    discriminator = {"d_real", "d_fake", "d_cls", "d_gp", "d_total"}
    assert row.keys() >= generator | discriminator
    assert row.keys() >= {
        f"validation/{name}" for name in generator | discriminator
    }


def check_checkpoints(path, other_path):
    """Asserts that two checkpoints are equal and returns their groups."""
    with np.load(path) as arrays, np.load(other_path) as others:
        assert arrays.files == others.files
        for name in set(arrays.files) - {"position"}:
            np.testing.assert_array_equal(arrays[name], others[name], name)
        return set(name.partition("/")[0] for name in arrays.files)


def test_a_resumed_run_ends_with_the_same_bits(run, settings, monkeypatch):
    undisturbed, _ = run
    killed = undisturbed.with_name("killed")
    save, batches = callbacks.SaveCheckpoints.on_train_batch_end, []

    def counting_save(self, batch, logs=None):
        save(self, batch, logs)
        batches.append(batch)

    monkeypatch.setattr(
        callbacks.SaveCheckpoints, "on_train_batch_end", counting_save
    )
    compress(settings(killed, session={"checkpoint_steps": 1}))
    assert len(batches) == 5 - 2
    file = "checkpoints/fine_tune.npz"
    groups = check_checkpoints(undisturbed / file, killed / file)
    assert groups >= {"student", "optimizer", "discriminator", "opponent"}
    for name in ("student.keras", "discriminator.keras"):
        assert equal(weights(undisturbed / name), weights(killed / name))
