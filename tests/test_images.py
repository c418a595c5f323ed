"""All that is done with a model of images, done with a generator."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import lit_tf
from lit_tf import assemble, callbacks, config, data, experiment, judging
from lit_tf.data import augment

NAMES = ("Black_Hair", "Blond_Hair", "Male")
PHASE = config.Phase(
    epochs=0,
    steps=5,
    batch_size=4,
    learning_rate=1e-3,
    weight_decay=0.0,
    momentum=0.5,
    optimizer="adam",
    linear_decay=0.5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of 40 pictures and their attributes; 32 are trained on."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    rows = [("file", *NAMES)]
    for i in range(40):
        pixels = random.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        rows.append((f"{i}.png", *random.integers(0, 2, len(NAMES))))
    lines = (",".join(map(str, row)) for row in rows)
    (folder / "attributes.csv").write_text("\n".join(lines))
    return folder


def settings(folder, workdir, kind=config.Compress, **changed):
    session = {"log_steps": 1, "sample_steps": 3}
    given = {
        "teacher": "stargan10",
        "teach": PHASE,
        "architecture": config.Architecture(width=4),
        "adversarial": config.Adversarial(
            discriminator_width=4, discriminator_depth=2, discriminator_steps=2
        ),
        "data": config.Data(
            dataset="image_folder",
            image_size=8,
            exclusive=("Black_Hair+Blond_Hair",),
        ),
        "session": config.Session(
            workdir=str(workdir),
            data_dir=str(folder),
            **session | changed.pop("session", {}),
        ),
    }
    if kind is config.Compress:
        given |= {
            "student": "stargan8",
            "method": config.Method(beta=0.0),
            "lit": PHASE,
            "fine_tune": PHASE,
        }
    return kind(**given | changed)


@pytest.fixture(scope="module")
def taught(folder, tmp_path_factory):
    """A finished teacher: its folder and its report."""
    workdir = tmp_path_factory.mktemp("taught") / "it"
    chosen = settings(folder, workdir, kind=config.Teach)
    return workdir, experiment.teach(chosen, command="lit-teach --x")


class Watched:
    """A finished compression, and the models that were at work in it."""

    def __init__(self, chosen):
        self.trainers, self.judges = {}, []
        make, judge = assemble.compression, judging.judge

        def making(*arguments):
            self.trainers = make(*arguments)
            return self.trainers

        def judged(*arguments, discriminator, **how):
            self.judges.append(discriminator.get_weights())
            return judge(*arguments, discriminator=discriminator, **how)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(assemble, "compression", making)
            patch.setattr(judging, "judge", judged)
            self.report = experiment.compress(chosen, command="lit --x")


@pytest.fixture(scope="module")
def fixed(folder, taught, tmp_path_factory):
    """A compression by a discriminator that stays as it is; 11 steps."""
    workdir = tmp_path_factory.mktemp("fixed") / "it"
    chosen = settings(
        folder,
        workdir,
        teacher_weights=str(taught[0]),
        fine_tune=dataclasses.replace(PHASE, steps=11),
    )
    return workdir, Watched(chosen)


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """A compression of a new teacher, whose discriminator is trained on."""
    workdir = tmp_path_factory.mktemp("trained") / "it"
    chosen = settings(folder, workdir, discriminator="trained")
    return workdir, Watched(chosen)


def strict(path):
    def fail(word):
        raise AssertionError(f"{path} has {word}")

    return json.loads(path.read_text(), parse_constant=fail)


def check_bits(one, other, exact=True):
    for ours, theirs in zip(one, other, strict=True):
        assert ours.shape == theirs.shape
        if exact:
            np.testing.assert_array_equal(ours, theirs)
    if not exact:
        assert any(np.any(a != b) for a, b in zip(one, other, strict=True))


def weights(path):
    return lit_tf.load(path).get_weights()


def names(folder):
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_a_taught_generator_leaves_its_discriminator_beside_it(taught):
    workdir, report = taught
    assert names(workdir) == {
        *("checkpoints", "config.json", "curves.png", "discriminator.keras"),
        *("logs", "metrics.jsonl", "recipe.flags", "report.json"),
        *("report.md", "samples", "saved_model", "teacher.keras"),
    }
    assert names(workdir / "samples") == {
        *("teach_000003.png", "teach_000005.png", "test.png")
    }
    teacher = strict(workdir / "report.json")["teacher"]
    assert teacher == report["teacher"]
    assert 0 <= teacher["attribute_accuracy"] <= 1
    assert teacher["attributes"].keys() == set(NAMES)
    assert teacher["judged"]["pictures"] == 4 * 3
    text = (workdir / "report.md").read_text()
    assert "Judged on 12 pictures a generator" in text
    assert "![Samples](samples/test.png)" in text and "lit-teach --x" in text


def test_a_compression_leaves_what_one_of_classifiers_leaves_and_samples(
    fixed,
):
    workdir, run = fixed
    assert names(workdir) == {
        *("checkpoints", "config.json", "curves.png", "logs", "report.md"),
        *("metrics.jsonl", "recipe.flags", "report.json", "samples"),
        *("saved_model", "student.keras"),
    }
    assert names(workdir / "samples") == {
        *("lit_000003.png", "lit_000005.png", "test.png"),
        *(f"fine_tune_0000{step}.png" for step in ("03", "06", "09", "11")),
    }
    with Image.open(workdir / "samples" / "test.png") as grid:
        # Four test pictures, of teacher and student; three changes.
        assert grid.size == ((1 + 3) * 10, 4 * 2 * 10)
    told = strict(workdir / "report.json")
    assert told == run.report
    assert told["student"]["depth"] == 8
    assert told["student"]["likeness"]["l1"] > 0
    text = (workdir / "report.md").read_text()
    assert "![Samples](samples/test.png)" in text
    assert "Student against teacher" in text


def test_tensorboard_shows_the_samples(fixed):
    workdir, _ = fixed
    (events,) = (workdir / "logs" / "fine_tune").glob("events.*")
    steps = [
        event.step
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "samples"
    ]
    assert steps == [3, 6, 9, 11]


def test_a_fixed_discriminator_and_the_teacher_stay_bit_for_bit(taught, fixed):
    workdir, (_, run) = taught[0], fixed
    at_work = run.trainers["fine_tune"]
    for path, model in (
        ("discriminator.keras", at_work.discriminator),
        ("teacher.keras", at_work.teacher),
    ):
        check_bits(model.get_weights(), weights(workdir / path))


def test_a_trained_discriminator_is_left_and_the_teachers_is_the_judge(trained):
    workdir, run = trained
    left = weights(workdir / "discriminator.keras")
    teachers = weights(workdir / "teacher" / "discriminator.keras")
    check_bits(left, teachers, exact=False)
    check_bits(run.trainers["fine_tune"].discriminator.get_weights(), left)
    check_bits(run.judges[-1], teachers)
    strict(workdir / "report.json")


def rows(workdir, phase):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["phase"] == phase]


def test_losses_of_both_players_are_logged(trained, fixed):
    players = ({"d_real", "d_fake", "d_cls", "d_gp", "d_total"}, {"g_rec"})
    row = rows(trained[0], "fine_tune")[-1]
    assert row.keys() >= set.union(*players)
    assert rows(fixed[0], "fine_tune")[-1].keys().isdisjoint(players[0])
    assert rows(fixed[0], "lit")[-1].keys() >= {"kd", "ir", "total"}


def test_the_rate_falls_within_an_epoch(fixed):
    rates = [row["learning_rate"] for row in rows(fixed[0], "lit")]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-3, 0.8e-3, 0.4e-3])


def test_a_saved_model_makes_the_students_pictures_without_us(
    fixed, folder, tmp_path
):
    workdir, _ = fixed
    images = data.load(
        settings(folder, tmp_path).data, data_dir=str(folder)
    ).test.inputs[:]
    target = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    np.savez(tmp_path / "asked.npz", images=images, target=target)
    program = (
        "import sys; sys.modules['lit_tf'] = sys.modules['keras'] = None\n"
        "import numpy as np, tensorflow as tf\n"
        "folder, asked, answer = sys.argv[1:]\n"
        "serve = tf.saved_model.load(folder).signatures['serving_default']\n"
        "asked = {k: tf.constant(v) for k, v in np.load(asked).items()}\n"
        "(made,) = serve(**asked).values()\n"
        "np.save(answer, made.numpy())\n"
    )
    files = (str(tmp_path / name) for name in ("asked.npz", "answer.npy"))
    arguments = [program, str(workdir / "saved_model"), *files]
    subprocess.run([sys.executable, "-c", *arguments], check=True, cwd=tmp_path)
    made = np.load(tmp_path / "answer.npy")
    student = lit_tf.load(workdir / "student.keras")
    wanted = augment.to_bytes(student((augment.unit(images), target)))
    assert made.dtype == np.uint8
    assert np.abs(made.astype(int) - wanted.numpy().astype(int)).max() <= 1
    assert np.std(made) > 5  # Not one grey.


def check_checkpoints(one, other):
    with np.load(one) as ours, np.load(other) as theirs:
        assert ours.files == theirs.files
        for name in set(ours.files) - {"position"}:
            np.testing.assert_array_equal(ours[name], theirs[name], name)
        return set(name.partition("/")[0] for name in ours.files)


def test_a_resumed_run_ends_with_the_same_bits(
    trained, folder, tmp_path, monkeypatch
):
    undisturbed, _ = trained
    chosen = settings(
        folder,
        tmp_path,
        discriminator="trained",
        session={"checkpoint_steps": 1},
    )
    save, seen = callbacks.Saver.on_train_batch_end, []

    def interrupted(self, batch, logs=None):
        save(self, batch, logs)
        seen.append(batch)
        if len(seen) in (2, 12):  # In `teach`, and in `fine_tune`.
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.Saver, "on_train_batch_end", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            experiment.compress(chosen)
    experiment.compress(chosen)
    assert len(seen) == 15
    for file in ("teacher/checkpoints/teach.npz", "checkpoints/fine_tune.npz"):
        groups = check_checkpoints(undisturbed / file, tmp_path / file)
        assert groups >= {"student", "optimizer", "discriminator", "opponent"}
    check_checkpoints(
        undisturbed / "checkpoints/lit.npz", tmp_path / "checkpoints/lit.npz"
    )
    for name in ("student.keras", "discriminator.keras"):
        check_bits(weights(undisturbed / name), weights(tmp_path / name))


def position(workdir, phase):
    with np.load(workdir / "checkpoints" / f"{phase}.npz") as archive:
        return json.loads(str(archive["position"]))


def test_a_phase_of_steps_ends_at_the_very_step(fixed):
    # An epoch has 8 steps: one ends within the first, one in the second.
    for phase, steps in (("lit", 5), ("fine_tune", 11)):
        assert position(fixed[0], phase)["step"] == steps
        told = [row["step"] for row in rows(fixed[0], phase)]
        assert sorted(set(told)) == [*range(1, steps + 1)]


def test_a_phase_of_steps_ends_there_also_when_steps_run_together(
    fixed, taught, folder, tmp_path
):
    experiment.compress(
        settings(
            folder,
            tmp_path,
            teacher_weights=str(taught[0]),
            fine_tune=dataclasses.replace(PHASE, steps=11),
            run=config.Run(steps_per_execution=2),
        )
    )
    for phase, steps in (("lit", 5), ("fine_tune", 11)):
        assert position(tmp_path, phase)["step"] == steps
        assert rows(tmp_path, phase)[-1]["step"] == steps
        assert (tmp_path / "samples" / f"{phase}_{steps:06}.png").is_file()
    with np.load(tmp_path / "checkpoints" / "fine_tune.npz") as archive:
        taken = [int(v) for v in archive.values() if v.dtype == np.int64]
    assert taken == [11]  # The optimiser's own count.
