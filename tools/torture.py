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
import json
import pathlib
import random
import shutil
import signal
import sys

from torture_runs import KINDS, Run, differences

from lit_tf.launch import command

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# A process that ends later than this after its signal does not hold.
_LONGEST_SECONDS = 30


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
