"""A discriminator that is trained on: what is left of it, and who judges."""

import json

import numpy as np
import pytest

import lit_tf
from lit_tf.evaluation.generators import evaluate
from lit_tf.experiment.run import compress
from lit_tf.training import callbacks


@pytest.fixture(scope="module")
def run(generators, tmp_path_factory):
    """A finished compression of a new teacher, and the weights that judged."""
    workdir = tmp_path_factory.mktemp("run") / "it"
    judges = []

    def judged(*given, discriminator, **how):
        judges.append(discriminator.get_weights())
        return evaluate(*given, discriminator=discriminator, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lit_tf.evaluation.generators.evaluate", judged)
        compress(generators(workdir, discriminator="trained"))
    return workdir, judges


def weights(path):
    return lit_tf.load(path).get_weights()


def alike(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_trained_discriminator_is_left_and_the_teachers_is_the_judge(run):
    workdir, judges = run
    left = weights(workdir / "discriminator.keras")
    teachers = weights(workdir / "teacher" / "discriminator.keras")
    assert not alike(left, teachers)
    # Before anything is trained, and at the end.
    assert len(judges) == 2
    assert all(alike(one, teachers) for one in judges)


def test_the_losses_of_both_players_are_logged(run):
    lines = (run[0] / "metrics.jsonl").read_text().splitlines()
    row = [r for r in map(json.loads, lines) if r["phase"] == "fine_tune"][-1]
    players = {"g_fake", "g_cls", "g_rec", "total"}
    baselines = {"d_real", "d_fake", "d_cls", "d_gp", "d_total"}
    assert row.keys() >= players | baselines
    assert row.keys() >= {f"validation/{name}" for name in players | baselines}


def check_checkpoints(one, other):
    with np.load(one) as ours, np.load(other) as theirs:
        assert ours.files == theirs.files
        for name in set(ours.files) - {"position"}:
            np.testing.assert_array_equal(ours[name], theirs[name], name)
        return set(name.partition("/")[0] for name in ours.files)


def test_a_resumed_run_ends_with_the_same_bits(
    run, generators, tmp_path, monkeypatch
):
    undisturbed, _ = run
    chosen = generators(
        tmp_path,
        discriminator="trained",
        session={"checkpoint_steps": 1},
    )
    save, seen = callbacks.SaveCheckpoints.on_train_batch_end, []

    def interrupted(self, batch, logs=None):
        save(self, batch, logs)
        seen.append(batch)
        if len(seen) in (2, 12):  # In `teach`, and in `fine_tune`.
            raise KeyboardInterrupt

    monkeypatch.setattr(
        callbacks.SaveCheckpoints, "on_train_batch_end", interrupted
    )
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            compress(chosen)
    compress(chosen)
    assert len(seen) == 15
    for file in ("teacher/checkpoints/teach.npz", "checkpoints/fine_tune.npz"):
        groups = check_checkpoints(undisturbed / file, tmp_path / file)
        assert groups >= {"student", "optimizer", "discriminator", "opponent"}
    check_checkpoints(
        undisturbed / "checkpoints/lit.npz", tmp_path / "checkpoints/lit.npz"
    )
    for name in ("student.keras", "discriminator.keras"):
        assert alike(weights(undisturbed / name), weights(tmp_path / name))
