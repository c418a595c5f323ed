"""Kills runs at random moments, resumes them, and compares how they end.

    python tools/torture.py FOLDER [--runs=100] [--seed=0]

Runs alternate between a classifier of digits, one of texts and a generator of
images, all tiny, each with the training of its teacher. A run receives SIGKILL,
SIGTERM or SIGINT at one to three moments that the seed determines, from the
start of the process to its end. The moments are shares of the processor time
that an undisturbed run needs. The same command then resumes the run.

A run holds if it ends with the bits of the undisturbed run: the weights of all
models, `report.json` without times and sizes of SavedModels (they contain names
that Keras numbers in each process), and `metrics.jsonl` without throughput; and
if every process ended as its signal demands, with one sentence at most.

Everything is written to FOLDER: `results.jsonl` has a line for each run, so
that the same command continues. The folders of runs that do not hold are kept.
The last lines of the output count the runs that hold.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import time
import zipfile

import h5py
import numpy as np
from PIL import Image

from lit_tf.launch import command, compress

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_POLL_SECONDS = 0.01
# A process that ends later than this after its signal does not hold.
_LONGEST_SECONDS = 30
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


def disturb(run: Run, numbers: random.Random, whole: float) -> dict:
    """Kills a run one to three times and resumes it to its end.

    Args:
        run: the run.
        numbers: determines signals and moments.
        whole: the processor time of an undisturbed run, in seconds.

    Returns:
        `kills`, a text for each signal; and `faults`, what did not hold.
    """
    kills, faults = [], []
    for _ in range(numbers.randint(1, 3)):
        number = numbers.choice(SIGNALS)
        share = numbers.random()
        code, waited = run.go(number, share * whole)
        if not code:
            break  # The run ended before the signal.
        said = (run.folder / "err.txt").read_text("utf-8", "replace")
        kills.append(
            f"{number.name} at {share:.0%} ({run.place()}, exit {code} after "
            f"{waited:.1f} s)"
        )
        # Minus the signal: before the command handled it.
        if code not in (-number, 128 + number):
            faults.append(
                f"exit code {code} after {number.name}: {said[-300:]}"
            )
        if "Traceback" in said or said.count("\n") > 1:
            faults.append(f"said after {number.name}: {said[-300:]}")
        if waited > _LONGEST_SECONDS:
            faults.append(f"ended {waited:.0f} s after {number.name}")
    code, _ = run.go()
    if code:
        said = (run.folder / "err.txt").read_text("utf-8", "replace")
        faults.append(f"exit code {code} at the end: {said[-300:]}")
    return {"kills": kills, "faults": faults}


def main():
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    # Before the first fork, and no operation of TensorFlow before it.
    command.load("experiment.run")
    command.load("models.vdcnn").FAMILY.variants["tiny"] = {
        "filters": (4, 6, 8, 10),
        "hidden": 12,
    }
    root = arguments.folder.resolve()
    whole, expected = {}, {}
    for kind in KINDS:
        shutil.rmtree(root / "undisturbed" / kind, ignore_errors=True)
        run = Run(kind, root / "undisturbed" / kind)
        code, whole[kind] = run.go()
        if code:
            sys.exit((run.folder / "err.txt").read_text())
        expected[kind] = run.result()
        print(f"{kind}: {whole[kind]:.1f} s undisturbed", flush=True)
    file = root / "results.jsonl"
    known = {}
    if file.is_file():
        lines = file.read_text("utf-8").splitlines()
        known = {row["run"]: row for row in map(json.loads, lines)}
    for i in range(arguments.runs):
        kind = list(KINDS)[i % len(KINDS)]
        name = f"{kind}-{arguments.seed}-{i:03}"
        if name not in known:
            numbers = random.Random(f"{arguments.seed}/{i}")
            row = {"run": name, "kills": []}
            while not row["kills"]:  # All signals may come too late.
                shutil.rmtree(root / name, ignore_errors=True)
                run = Run(kind, root / name)
                row |= disturb(run, numbers, whole[kind])
            row["faults"] += [
                f"other {what}"
                for what in differences(expected[kind], run.result())
            ]
            with file.open("a", encoding="utf-8") as results:
                results.write(json.dumps(row) + "\n")
            if not row["faults"]:
                shutil.rmtree(root / name)
            known[name] = row
        row = known[name]
        print(
            f"{name}: {'; '.join(row['kills'])}: "
            f"{'; '.join(row['faults']) or 'holds'}",
            flush=True,
        )
    rows = list(known.values())
    sent = collections.Counter(
        kill.split()[0] for row in rows for kill in row["kills"]
    )
    print(", ".join(f"{count} {name}" for name, count in sorted(sent.items())))
    for kind in KINDS:
        own = [row for row in rows if row["run"].startswith(kind)]
        held = sum(not row["faults"] for row in own)
        print(f"{kind}: {held} of {len(own)} hold")
    sys.exit(any(row["faults"] for row in rows))


if __name__ == "__main__":
    main()
