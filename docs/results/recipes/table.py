"""Prints the recipes that were tried, and the finals, as Markdown tables.

The best come first. Accuracies of the recipes are those after the last epoch,
on the half of the test images that validates. Those of the finals are of the
exported students, on the other half: mean ± standard deviation over the seeds,
and the difference from `kd`, paired, with its 95 % interval.
"""

import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).parent

sys.path.insert(0, str(HERE.parent))
from gains import gain, scores, words  # noqa: E402


def recipes():
    rows = []
    for path in HERE.glob("runs/*/report.json"):
        report = json.loads(path.read_text())
        settings = report["settings"]
        steps = (settings["lit_steps"], settings["fine_tune_steps"])
        accuracy = report["student"]["last"]["validation_accuracy"]
        rows.append((accuracy, path.parent.name, *steps))
    print("| row | steps of `lit` | steps of `fine_tune` | accuracy |")
    print("|---|---|---|---|")
    for accuracy, name, lit, fine_tune in sorted(rows, reverse=True):
        print(f"| `{name}` | {lit} | {fine_tune} | {100 * accuracy:.2f} % |")


def finals():
    names = {path.name.rpartition("_seed")[0] for path in HERE.glob("final/*")}
    rows = {name: scores("recipes/final", f"{name}_seed?") for name in names}
    means = {name: statistics.mean(row.values()) for name, row in rows.items()}
    print("| row | seeds | accuracy | − `kd` |")
    print("|---|---|---|---|")
    for name in sorted(names, key=means.get, reverse=True):
        row = rows[name]
        spread = statistics.stdev(row.values())
        ahead = "" if name == "kd" else words(gain(row, rows["kd"]))
        print(
            f"| `{name}` | {len(row)} | {means[name]:.2f} ± {spread:.2f} % "
            f"| {ahead} |"
        )


if __name__ == "__main__":
    recipes()
    print()
    finals()
