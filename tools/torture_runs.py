"""Runs for torture.py: tiny ones of each kind, and what they leave."""

import csv
import json
import os
import pathlib
import re
import signal
import sys
import time
import zipfile

import h5py
import numpy as np
from PIL import Image

from lit_tf.launch import compress

_POLL_SECONDS = 0.01
_PHASES = ("teach", "lit", "fine_tune")


def _each_phase(**flags):
    return [f"--{p}_{k}={v}" for p in _PHASES for k, v in flags.items()]


def _texts(folder):
    words = ("awful, broke at once", "fine I guess", "wonderful")
    for name, count in (("train.csv", 48), ("test.csv", 12)):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
                (i % 3 + 1, f"Review {i}", words[i % 3]) for i in range(count)
            )


def _images(folder):
    numbers = np.random.default_rng(0)
    names = ("Black_Hair", "Male", "Young")
    with (folder / "attributes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", *names))
        for i in range(40):
            pixels = numbers.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
            rows.writerow((f"{i}.png", *numbers.integers(0, 2, len(names))))


# Kind → a function that fills the data folder, and the flags.
KINDS = {
    "classifier": (
        None,
        (
            "--teacher=resnet8",
            "--student=resnet8",
            "--checkpoint_steps=5",
            *_each_phase(epochs=2, milestones=1, batch_size=200),
        ),
    ),
    "texts": (
        _texts,
        (
            "--dataset=csv",
            "--text_length=64",
            "--teacher=vdcnn9_tiny",
            "--student=vdcnn9_tiny",
            "--init=teacher_blocks",
            "--checkpoint_steps=2",
            *_each_phase(epochs=2, milestones=1, batch_size=16),
        ),
    ),
    "generator": (
        _images,
        (
            "--dataset=image_folder",
            "--image_size=8",
            "--exclusive=Male+Young",
            "--teacher=stargan10",
            "--student=stargan8",
            "--width=4",
            "--discriminator_width=4",
            "--discriminator_depth=2",
            "--discriminator_steps=2",
            "--beta=0",
            "--fine_tune",
            "--sample_steps=3",
            "--checkpoint_steps=2",
            *_each_phase(
                epochs=0,
                steps=6,
                batch_size=4,
                learning_rate=1e-3,
                weight_decay=0,
                momentum=0.5,
                optimizer="adam",
                milestones="",
            ),
        ),
    ),
}


class Run:
    """A run in a folder of its own, with data of its own.

    Args:
        kind: a key of `KINDS`.
        folder: the folder, which is created.
    """

    def __init__(self, kind: str, folder: pathlib.Path):
        self.folder = folder
        self.workdir = folder / "run"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        make, flags = KINDS[kind]
        if make is not None:
            make(folder / "data")
            flags = (*flags, "--data_dir=data")
        self._arguments = ["lit-compress", *flags, "--workdir=run"]
        self._arguments += ["--log_steps=1"]

    def go(self, number: int = 0, seconds: float = 0.0) -> tuple[int, float]:
        """Starts or resumes the run and waits until the process ends.

        Args:
            number: the signal to send; 0 for none.
            seconds: the processor time of the process after which it is sent.

        Returns:
            The exit code, negative for a signal, and the processor time; or,
            after a signal, the time until the process ended.
        """
        child = os.fork()
        if not child:
            self._run()
        while number and _processor_seconds(child) < seconds:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break  # It ended before the signal.
            time.sleep(_POLL_SECONDS)
        sent = time.monotonic()
        if number:
            os.kill(child, number)
        _, status, usage = os.wait4(child, 0)
        used = usage.ru_utime + usage.ru_stime
        code = os.waitstatus_to_exitcode(status)
        return code, time.monotonic() - sent if number else used

    def _run(self):
        os.chdir(self.folder)
        for number, name in enumerate(("out.txt", "err.txt"), start=1):
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, number)
        # A process that a shell starts in the background ignores SIGINT.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Each run prepares its data itself.
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")
        sys.argv = self._arguments
        code = 1
        try:
            compress.main()
        except SystemExit as error:
            code = error.code or 0
        except KeyboardInterrupt:  # Before the command handles signals.
            code = 128 + signal.SIGINT
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def place(self) -> str:
        """Returns the last phase that has a checkpoint."""
        if (self.workdir / "report.json").is_file():
            return "end"
        found = "start"
        for phase in _PHASES:
            folder = self.workdir / ("teacher" if phase == "teach" else "")
            if (folder / "checkpoints" / f"{phase}.npz").is_file():
                found = phase
        return found

    def result(self) -> dict[str, object]:
        """Returns what must be equal: weights, report and metrics."""
        found = {}
        for path in sorted(self.workdir.rglob("*.keras")):
            found[str(path.relative_to(self.workdir))] = _weights(path)
        for path in sorted(self.workdir.rglob("report.json")):
            name = str(path.relative_to(self.workdir))
            # The report names the prepared data: their path contains this
            # folder and a hash of the path of the images.
            text = path.read_text("utf-8").replace(str(self.folder), "")
            text = re.sub("/pictures-[0-9a-f]+/", "/", text)
            found[name] = _without_times(json.loads(text))
        for path in sorted(self.workdir.rglob("metrics.jsonl")):
            name = str(path.relative_to(self.workdir))
            rows = [json.loads(s) for s in path.read_text("utf-8").splitlines()]
            for row in rows:
                del row["examples_per_second"]
            found[name] = rows
        return found


def _processor_seconds(process):
    try:
        text = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return float("inf")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _weights(path):
    arrays = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()].tobytes()

    with zipfile.ZipFile(path) as archive:
        with archive.open("model.weights.h5") as file, h5py.File(file) as store:
            store.visititems(keep)
    return arrays


def _without_times(value):
    """Returns a report without what depends on the clock."""
    if isinstance(value, dict):
        return {
            k: _without_times(v)
            for k, v in value.items()
            if not re.search("seconds|latency|bytes", k)
        }
    return value


def differences(one: dict, other: dict) -> list[str]:
    """Returns the names of the files in which two runs differ."""
    return [k for k in sorted(one | other) if one.get(k) != other.get(k)]
