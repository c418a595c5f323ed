"""The commands as users see them: exit codes, one-sentence messages."""

import json
import re

import numpy as np
import pytest
import small
from python_process import run

from lit_tf import data, models
from lit_tf.models import torch_weights

# Refused before TensorFlow is loaded. Arguments → part of the message.
INVALID_SETTINGS = {
    "--recipe=quikstart": "Unknown recipe 'quikstart'. Known: ",
    "--recipe=resnet --alpha=2": "Unknown recipe 'resnet'",
    "--alpha=1.5": "`alpha` must be in [0, 1]. Received: alpha=1.5.",
    "--beta=-1": "`beta` must be in [0, 1]. Received: beta=-1.0.",
    "--temperature=0": "`temperature` must be positive",
    "--lit_milestones=5,3": "`lit_milestones` must be positive epochs in asc",
    "--lit_epochs=3": "be below the phase's 3 epochs. Received: lit_m",
    "--method=lits": "one of lit, scratch, scratch_copied, kd, hint, multi_h",
    "--method=scratch --init=teacher_blocks": "`init` is only for `method` ",
    "--teach_milestones=a,b": "`teach_milestones` must be whole numbers",
    "--lit_epochs=ten": "--lit_epochs",
    "--lit_epoch=10": "lit_epochs",
    "--dtype=half": "<float32|mixed_float16|mixed_bfloat16>",
    "--nodownload=3": "--nodownload=3",
    "--flagfile=nowhere": "nowhere must be a text file with one flag per ",
    "quickstart": "a flag: lit-compress --recipe=quickstart",
    "gone.keras": "argument must be the path of a trained model: a .keras f",
    ". cifar10": "The second argument must be the path of your data, such",
    ".": "DATA is missing, the path of your data. Type, for example: lit-"
    "compress . my_images/ --compression=2\n",
    ". --dataset=digits": "The size of the student is missing: --compression,",
    ". .": "Type, for example: lit-compress . . --compression=2\n",
    ". . .": "no other arguments than MODEL and DATA; flags are written as",
    ". --teacher_weights=x": "Pass MODEL either as an argument or as --teach",
    ". . --keep=2 --data_dir=y": "not both. Received: . and --data_dir=y.",
}

# Commands that load TensorFlow. They run in this order in the folder `folder`,
# each with its own run folder. Command → exit code, part of the message.
FIRST = {
    "compress": ("--teacher=resnet8", "--student=resnet8"),
    "import_": ("--dataset=digits", "--output=new.keras"),
}
OUTCOMES = {
    "compress --custom_objects=missing_module": (
        2,
        "=missing_module cannot be imported (No m",
    ),
    "compress --student=resnet21": (2, "6n + 2 (8, 14, 20, …). Received: res"),
    "compress --student=resnet22": (2, "The nearest is resnet20."),
    "compress --teacher=resent20": (2, "The nearest is resnet20."),
    "compress --method=born_again --student=resnet14": (
        2,
        "must have the shape of its teacher. Rec",
    ),
    "compress --student=cnn": (2, "Unknown model 'cnn'. Known: resnet8, "),
    "compress --dataset=cifar": (2, "The nearest is cifar10."),
    "evaluate --model=t.keras --dataset=digit": (2, "The nearest is digits."),
    "compress --teach_epochs=0": (2, "`teach_epochs` or `teach_st"),
    "compress --validation_fraction=0.9999": (2, "`validation_fraction`"),
    "compress --workdir=file/run": (1, "file/run cannot be written to"),
    "teach --workdir=file": (1, "file cannot be written to"),
    "compress --teacher_weights=gone.keras": (1, "no model file gone.keras."),
    "compress --teacher_weights=cut.keras": (1, "cut.keras is not a complete"),
    "compress --teacher_weights=empty": (1, "The folder empty holds neither"),
    "compress --dataset=cifar10": (1, "--download"),
    "compress --dataset=cifar10 --data_dir=gone": (1, "does not exist"),
    "compress --dataset=cifar10 --data_dir=empty": (1, "--data_dir='empty'"),
    "compress --dataset=cifar10 --data_dir=broken": (1, "whole records of 3,0"),
    "compress --workdir=w --teacher_weights=gone.keras": (1, "gone.keras."),
    "compress --workdir=w --teacher_weights=cut.keras": (1, "cut.keras is"),
    "evaluate --model=gone.keras": (1, "There is no model file gone.keras."),
    "evaluate --model=cut.keras": (1, "cut.keras is not a complete"),
    "evaluate --model=broken": (1, "broken is not a SavedModel that lit-exp"),
    "export --model=t.keras --output=empty": (1, "--overwrite replaces it."),
    "export --model=t.keras --output=file/out": (1, "file/out"),
    "export --model=t.keras --output=o --quantize=int8": (
        2,
        "Only `format` litert is quantized",
    ),
    "evaluate --model=t.keras --json=file/results": (1, "file/results"),
    "evaluate --model=t.keras --json=results.json": (0, "test_accuracy 0."),
    "plan deep.keras --sections=9": (2, "`sections` must be at least "),
    "plan cut.keras": (1, "cut.keras is not a complete"),
    "plan broken": (1, "broken is a SavedModel, which has no layers"),
    "plan deep.keras": (0, "--keep=1"),
    "report": (2, "folders of finished runs, for example: lit-report runs/"),
    "report gone": (1, "There is no folder gone."),
    "report empty": (1, "There is no finished run of lit-compress in"),
    "benchmark --device=TPU:0": (2, "device 'TPU:0'. Known: CPU:0. The near"),
    "benchmark --student=resnet21": (2, "6n + 2 (8, 14, 20, …). Received: "),
    "benchmark --teacher=resent20": (2, "The nearest is resnet20."),
    "benchmark --dataset=cifar": (2, "The nearest is cifar10."),
    "benchmark --steps=0": (2, "`steps` must be ≥ 1. Received: steps=0."),
    "benchmark --batch_size=0": (2, "`batch_size` must be ≥ 1. Received: b"),
    "benchmark --seed=-1": (2, "`seed` must be in [0, 2³¹)."),
    "benchmark --data=real": (1, "--download"),
    "benchmark --json=empty": (1, "empty is a folder, not a file."),
    "benchmark --json=file/results": (1, "file/results cannot be written to"),
    "import_ --source=w.npz --model=resnet8": (2, "`normalization` must name"),
    "import_ --source=gone.npz --model=resnet8 --normalization=none": (
        1,
        "There is no checkpoint gone.npz.",
    ),
    "import_ --source=w.npz --model=resnet14 --normalization=none": (
        1,
        "It looks like resnet8.",
    ),
    "import_ --source=cut.keras": (1, "cut.keras is not a complete"),
    "import_ --source=t.keras --output=cut.keras": (1, "--overwrite replaces"),
    "import_ --source=t.keras --output=t.keras --overwrite": (
        2,
        "must differ from",
    ),
    "import_ --source=t.keras --output=file/t.keras": (1, "file/t.keras"),
    "import_ --source=t.keras --output=t.h5": (2, "`output` must be a .keras"),
    "import_ --source=w.npz --model=resnet8 --normalization=digits": (
        0,
        "resnet8: ",
    ),
}


def one_sentence(name, text):
    start = f"lit-{name.rstrip('_')}: "
    return text.startswith(start) and text.find("\n") == len(text) - 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a valid model and several kinds of damaged files."""
    root = tmp_path_factory.mktemp("commands")
    model = models.get("resnet8")(**data.DATASETS["digits"].form())
    model.save(root / "t.keras")
    small.build(10, **data.DATASETS["digits"].form()).save(root / "deep.keras")
    variables = models.torch_variables(model).items()
    np.savez(
        root / "w.npz", **{k: torch_weights.to_torch(v) for k, v in variables}
    )
    whole = (root / "t.keras").read_bytes()
    (root / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (root / "file").write_text("no folder")
    (root / "empty").mkdir()
    (root / "broken").mkdir()
    (root / "broken" / "data_batch_1.bin").write_bytes(b"0" * 4000)
    (root / "broken" / "saved_model.pb").write_bytes(b"0" * 4000)
    return root


@pytest.fixture(scope="module")
def outcomes(folder, server):
    """The exit code, output and errors of each command in `OUTCOMES`."""
    outcomes = {}
    for i, line in enumerate(OUTCOMES):
        name, *arguments = line.split()
        first = FIRST.get(name, ())
        if name == "compress":
            first = (*first, f"--workdir=run_{i}")
        command = f"lit-{name.rstrip('_')}"
        ended = server.run(command, *first, *arguments, cwd=folder)
        outcomes[line] = ended.code, ended.out, ended.err
    return outcomes


def test_the_library_is_imported_without_tensorflow(tmp_path):
    script = (
        "import sys, lit_tf, lit_tf.flags, lit_tf.config.flatten;"
        "dir(lit_tf);"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert run("-c", script, cwd=tmp_path) == (0, "", "")


@pytest.mark.parametrize("arguments", INVALID_SETTINGS)
def test_invalid_settings_are_refused_with_one_sentence(arguments, tmp_path):
    code, out, err = run(
        "-m", "lit_tf.launch.compress", *arguments.split(), cwd=tmp_path
    )
    assert one_sentence("compress", err), err
    assert INVALID_SETTINGS[arguments] in err
    assert (code, out) == (2, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["compress", "teach", "tune"])
def test_without_flags_nothing_is_trained(name, tmp_path):
    code, _, err = run("-m", f"lit_tf.launch.{name}", cwd=tmp_path)
    assert code == 2 and one_sentence(name, err)
    assert "--recipe=quickstart" in err and "--help" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("evaluate", "model"),
        ("export", "model"),
        ("import_", "source"),
        ("plan", "model"),
    ],
)
def test_the_message_names_a_missing_required_flag(name, flag, tmp_path):
    code, _, err = run("-m", f"lit_tf.launch.{name}", cwd=tmp_path)
    assert code == 2 and one_sentence(name, err) and f"--{flag}" in err


@pytest.mark.parametrize("line", [k for k, v in OUTCOMES.items() if v[0]])
def test_a_command_that_fails_prints_one_sentence(line, outcomes):
    code, _, err = outcomes[line]
    assert one_sentence(line.split()[0], err), err
    assert OUTCOMES[line][1] in err
    assert code == OUTCOMES[line][0]


def test_an_evaluation_is_printed_and_written(outcomes, folder):
    code, out, err = outcomes["evaluate --model=t.keras --json=results.json"]
    results = json.loads((folder / "results.json").read_text())
    assert (code, err) == (0, "")
    assert out == f"test_accuracy {results['test_accuracy']:.4f}\n"
    assert results["test_examples"] == 360


def test_an_import_prints_what_it_wrote_and_the_next_command(outcomes, folder):
    (line,) = [k for k, v in OUTCOMES.items() if v == (0, "resnet8: ")]
    code, out, err = outcomes[line]
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert re.fullmatch(
        r"resnet8: 75,\d+ parameters in 37 arrays, normalization digits → "
        "new.keras",
        first,
    )
    assert second.startswith("Next: lit-evaluate --model=new.keras --dataset=")
    assert (folder / "new.keras").is_file()


def test_a_plan_is_printed_with_its_students_and_the_next_command(outcomes):
    code, out, err = outcomes["plan deep.keras"]
    assert (code, err) == (0, "")
    assert out.startswith("small10, in its own sections\n")
    assert "\n| --keep=1,1 " in out
    assert out.splitlines()[-1].startswith("Next: lit-compress deep.keras DATA")


INTERRUPTIONS = {
    "raise errors.NonFiniteLossError('loss is nan')": (1, "loss is nan"),
    "raise KeyboardInterrupt": (130, "interrupted."),
    "signal.raise_signal(signal.SIGINT)": (130, "interrupted."),
    "signal.raise_signal(signal.SIGTERM)": (143, "ended by SIGTERM."),
    "raise OSError(28, 'No space left', 'x')": (1, "No space left: x."),
}


@pytest.mark.parametrize("error", INTERRUPTIONS)
@pytest.mark.parametrize("resumes", [True, False])
def test_an_interrupted_command_prints_the_reason(error, resumes, tmp_path):
    name = "lit-teach" if resumes else "lit-report"
    script = (
        "import signal\n"
        "from lit_tf import errors\n"
        "from lit_tf.launch import command\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"def main(*_): {error}\n"
        f"command.run(main, {name!r})"
    )
    code, message = INTERRUPTIONS[error]
    resumable = resumes and "loss" not in message
    saved = " What was saved is kept; the same command resumes from it."
    arguments = ["--seed=1"] if resumes else []
    assert run("-c", script, *arguments, cwd=tmp_path) == (
        code,
        "",
        f"{name}: {message}{saved if resumable else ''}\n",
    )


def test_a_network_of_a_thousand_layers_can_be_built(tmp_path):
    script = (
        "from lit_tf.launch import command\n"
        "command.load('models')\n"
        "import keras\n"
        "x = start = keras.Input((1,))\n"
        "for _ in range(1000): x = keras.layers.Identity()(x)\n"
        "keras.Model(start, x)\n"
        # Or the garbage collector would search TensorFlow again and again.
        "import gc\n"
        "raise SystemExit(\n"
        "    not gc.get_freeze_count() or gc.get_threshold()[0] < 5000)"
    )
    # TensorFlow is imported silently, too.
    assert run("-c", script, cwd=tmp_path) == (0, "", "")
