"""Records the files that version 0.1 writes (see README.md).

It was run once, in a clone at commit f26eecc, with the packages of that clone:

    PATH=$PWD/.venv/bin:$PATH python tests/compatibility/v0_1/make.py

It writes to its own folder, removes the files of an earlier recording, and
takes five minutes on two cores. Later versions need not be able to run it.
"""

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from PIL import Image
from sklearn import datasets

import lit_tf
from lit_tf import characters, models
from lit_tf.models import stargan

PHASES = ("teach", "lit", "fine_tune")
# Two epochs of 13 steps in each phase.
DIGITS = (
    "--dataset=digits",
    "--teacher=resnet8",
    "--student=resnet8",
    "--width=2",
    *(f"--{phase}_epochs=2" for phase in PHASES),
    *(f"--{phase}_milestones=1" for phase in PHASES),
    *(f"--{phase}_batch_size=100" for phase in PHASES),
)
# With the teacher that the first finished run trained.
TAUGHT = (*DIGITS, "--teacher_weights=finished/lit_seed0")
# Settings with which a run can be interrupted between two checkpoints.
OFTEN = ("--checkpoint_steps=5", "--log_steps=4")
GENERATOR = (
    "--dataset=image_folder",
    "--data_dir=data/pictures",
    "--image_size=8",
    "--exclusive=Male+Young",
    "--teacher=stargan8",
    "--student=stargan8",
    "--width=2",
    "--teacher_weights=models/stargan8.keras",
    "--discriminator_weights=models/discriminator.keras",
    "--beta=0",
    *(f"--{phase}_epochs=0" for phase in PHASES[1:]),
    *(f"--{phase}_milestones=" for phase in PHASES[1:]),
    *(f"--{phase}_steps=9" for phase in PHASES[1:]),
    *(f"--{phase}_batch_size=2" for phase in PHASES[1:]),
    *(f"--{phase}_optimizer=adam" for phase in PHASES[1:]),
    *(f"--{phase}_learning_rate=0.001" for phase in PHASES[1:]),
    *OFTEN,
    "--sample_steps=6",
    "--noread_test",
)
TEXTS = (
    "--dataset=csv",
    "--data_dir=data/texts",
    "--text_length=64",
    "--teacher_weights=models/vdcnn9.keras",
    "--keep=1,1,1,1",
    *(f"--{phase}_epochs=2" for phase in PHASES[1:]),
    *(f"--{phase}_milestones=" for phase in PHASES[1:]),
    *(f"--{phase}_batch_size=8" for phase in PHASES[1:]),
    *OFTEN,
    "--noread_test",
)
TUNE = (
    "lit-tune",
    "--data_dir=data/few.npz",
    "--teacher=resnet8",
    "--student=resnet8",
    "--width=2",
    "--teacher_weights=models/resnet8.keras",
    "--lit_epochs=2",
    "--lit_milestones=",
    "--lit_batch_size=8",
    "--no_fine_tune",
    "--teacher_cache=disk",
    "--teacher_cache_views=1",
    "--small_student=resnet8",
    "--temperatures=2,4",
    "--alphas=0.95",
    "--betas=0.75,0.25",
    "--checkpoint_steps=4",
    "--workdir=tune",
)

FINISHED = {
    f"finished/{name}_seed{seed}": (
        "lit-compress",
        *(DIGITS if (name, seed) == ("lit", 0) else TAUGHT),
        f"--seed={seed}",
        *flags,
        f"--workdir=finished/{name}_seed{seed}",
    )
    for seed in (0, 1)
    for name, flags in (("lit", ()), ("no_fine_tune", ("--no_fine_tune",)))
}
TEACH = (
    "lit-teach",
    "--model=resnet8",
    *(f for f in DIGITS if f.startswith(("--dataset", "--width", "--teach_"))),
)
# By run folder: the command, and the checkpoint and the step after which it is
# interrupted. The run `lit` has trained its teacher before, and has no phase
# fine_tune.
UNFINISHED = {
    "teach": ((*TEACH, *OFTEN), "teach", 15),
    "lit": (("lit-compress", *DIGITS, "--no_fine_tune", *OFTEN), "lit", 15),
    "fine_tune": (("lit-compress", *TAUGHT, *OFTEN), "fine_tune", 15),
    "generator": (("lit-compress", *GENERATOR), "fine_tune", 5),
    "texts": (("lit-compress", *TEXTS), "fine_tune", 10),
}
# Files that no later command reads; all other files are kept.
UNREAD = ("saved_model", "curves.png", "logs", "checkpoints")
RECORDED = (
    "models",
    "data",
    "finished",
    "unfinished",
    "undisturbed",
    "teacher_cache",
    "tune",
    "report",
    "lines.json",
    "platform.json",
)


def with_statistics(model, inputs):
    """Updates the statistics of BatchNorm with inputs; returns the model."""
    for _ in range(3):
        model(inputs, training=True)
    return model


def home_made():
    """Returns a plain Keras model of three equal blocks."""
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Rescaling(1 / 16, name="rescaling")(image)
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(x)
    for j in range(3):
        y = keras.layers.Conv2D(4, 3, padding="same", name=f"conv_{j}")(x)
        y = keras.layers.BatchNormalization(name=f"norm_{j}")(y)
        x = keras.layers.Add(name=f"add_{j}")([x, y])
        x = keras.layers.ReLU(name=f"relu_{j}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(10, name="answer")(x)
    return keras.Model(image, x, name="mine")


def make_models():
    """Writes a model of each family, and its outputs for an input."""
    random = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    digits = datasets.load_digits().images[:6, ..., np.newaxis]
    digits = digits.astype(np.float32)
    codes = random.integers(0, 69, (4, 64)).astype(np.int32)
    faces = random.uniform(-1, 1, (4, 8, 8, 3)).astype(np.float32)
    targets = random.integers(0, 2, (4, 3)).astype(np.float32)
    images = {
        "input_shape": (8, 8, 1),
        "classes": 10,
        "mean": (4.88,),
        "std": (6.02,),
    }
    texts = {
        "input_shape": (64,),
        "classes": 3,
        "alphabet": characters.ALPHABET,
    }
    attributed = {
        "input_shape": (8, 8, 3),
        "classes": 3,
        "attributes": ("Black_Hair", "Male", "Young"),
    }
    few = {"filters": (4, 4, 6, 6), "embedding": 4, "hidden": 8}
    own = with_statistics(home_made(), digits)
    assert lit_tf.plan(own).cuts == ("conv", "relu_2")
    sections = lit_tf.split(own, ("conv", "relu_2"))
    student = lit_tf.shrink(sections, keep=(2,), init="teacher_blocks")
    recorded = {
        "resnet8": (models.get("resnet8", width=2)(**images), [digits]),
        "resnext8": (
            models.get("resnext8", width=4, cardinality=2)(**images),
            [digits],
        ),
        "vdcnn9": (models.get("vdcnn9", **few)(**texts), [codes]),
        "stargan8": (
            models.get("stargan8", width=2)(**attributed),
            [faces, targets],
        ),
        "discriminator": (
            stargan.discriminator(
                input_shape=(8, 8, 3), classes=3, width=4, depth=2
            ),
            [faces],
        ),
        "own": (own, [digits]),
        "own_student": (student, [digits]),
    }
    answers = {}
    pathlib.Path("models").mkdir()
    for name, (model, inputs) in recorded.items():
        inputs = inputs if len(inputs) > 1 else inputs[0]
        model = (
            model if name.startswith("own") else with_statistics(model, inputs)
        )
        model.save(f"models/{name}.keras")
        outputs = keras.tree.flatten(model(inputs, training=False))
        for kind, arrays in (
            ("input", keras.tree.flatten(inputs)),
            ("output", outputs),
        ):
            for i, array in enumerate(arrays):
                answers[f"{name}/{kind}/{i}"] = np.asarray(array)
    np.savez_compressed("models/answers.npz", **answers)


def make_data():
    """Writes a few digits, images with attributes, and texts."""
    few = datasets.load_digits()
    folder = pathlib.Path("data")
    (folder / "pictures").mkdir(parents=True)
    (folder / "texts").mkdir()
    np.savez_compressed(
        folder / "few.npz",
        x_train=few.images[:100, ..., np.newaxis].astype(np.uint8),
        y_train=few.target[:100],
    )
    random = np.random.default_rng(0)
    names = ("Black_Hair", "Male", "Young")
    rows = [("file", *names)]
    for i in range(20):
        pixels = random.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{i}.png")
        rows.append((f"{i}.png", *random.integers(0, 2, len(names))))
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    (folder / "pictures" / "attributes.csv").write_text(text)
    words = ("awful, broke at once", "fine I guess", "wonderful!")
    for name, count in (("train.csv", 60), ("test.csv", 30)):
        lines = (
            f'"{i % 3 + 1}","Review {i}","{words[i % 3]}"\n'
            for i in range(count)
        )
        (folder / "texts" / name).write_text("".join(lines))


def run(line):
    """Runs a command to its end."""
    print(shlex.join(line), flush=True)
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def interrupt(line, checkpoint, step, *, ahead):
    """Interrupts a command soon after a checkpoint of at least that step.

    Args:
        line: the command.
        checkpoint: the checkpoint file.
        step: the smallest step of the checkpoint.
        ahead: whether the log must then be ahead of the checkpoint.
    """
    print(shlex.join(line), f"# until step {step}", flush=True)
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        saved = position(checkpoint)
        if saved >= step and (not ahead or logged(checkpoint) > saved):
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.002)
    process.wait()
    assert process.returncode == 130, process.returncode
    print("  stopped at", position(checkpoint), logged(checkpoint))


def position(checkpoint):
    """Returns the step of a checkpoint, -1 if there is none."""
    if not checkpoint.is_file():
        return -1
    with np.load(checkpoint) as archive:
        return json.loads(str(archive["position"]))["step"]


def logged(checkpoint):
    """Returns the last step of the checkpoint's phase in the run's log."""
    log = checkpoint.parent.parent / "metrics.jsonl"
    text = log.read_text() if log.is_file() else ""
    rows = [json.loads(row) for row in text.split("\n")[:-1]]
    steps = [row["step"] for row in rows if row["phase"] == checkpoint.stem]
    return max(steps, default=-1)


def make_unfinished():
    """Writes interrupted runs, and the results of the same runs uninterrupted.

    Returns:
        The commands of the interrupted runs, by run folder.
    """
    lines = {}
    for name, (line, phase, step) in UNFINISHED.items():
        end, folder = (
            pathlib.Path(parent, name)
            for parent in ("undisturbed", "unfinished")
        )
        run((*line, f"--workdir={end}"))
        role = "teacher" if name == "teach" else "student"
        weights = lit_tf.load(end / f"{role}.keras").get_weights()
        np.savez_compressed(f"{end}.npz", *weights)
        os.replace(end / "metrics.jsonl", f"{end}.jsonl")
        shutil.rmtree(end)
        lines[str(folder)] = (*line, f"--workdir={folder}")
        checkpoint = folder / "checkpoints" / f"{phase}.npz"
        interrupt(lines[str(folder)], checkpoint, step, ahead=True)
        if (folder / "teacher").is_dir():
            drop(folder / "teacher")
    return lines


def drop(folder, names=UNREAD):
    """Removes files of a folder, by default those that no command reads."""
    for path in (pathlib.Path(folder, name) for name in names):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def main():
    os.chdir(pathlib.Path(__file__).parent)
    for name in RECORDED:
        drop(".", [name])
    make_models()
    make_data()
    for line in FINISHED.values():
        run(line)
    run(("lit-report", "finished", "--output=report"))
    os.replace("report/rows.json", "finished/rows.json")
    drop(".", ["report"])
    whole, *others = FINISHED
    drop(whole, ["curves.png", "checkpoints", "logs"])
    drop(f"{whole}/teacher")
    for folder in others:
        drop(folder, (*UNREAD, "student.keras", "recipe.flags"))
    lines = {"tune": TUNE} | FINISHED | make_unfinished()
    last = pathlib.Path("tune", "beta=0.25", "seed=0", "checkpoints", "lit.npz")
    interrupt(TUNE, last, 4, ahead=False)
    for report in pathlib.Path("tune").rglob("report.json"):
        drop(report.parent, (*UNREAD, "student.keras", "recipe.flags"))
    # Its key holds the modification times of the images, which Git changes.
    drop("data/pictures", ["encoded"])
    for lock in pathlib.Path().rglob("*.lock"):
        lock.unlink()
    text = json.dumps({k: shlex.join(v) for k, v in lines.items()}, indent=2)
    pathlib.Path("lines.json").write_text(text + "\n")
    sys.path.insert(0, "..")
    import platforms

    text = json.dumps(platforms.here(), indent=2)
    pathlib.Path("platform.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
