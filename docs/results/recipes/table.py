"""Prints the recipes that were tried, and the finals, as Markdown tables.

The best come first. Accuracies of the recipes are those after the last epoch,
on the half of the test images that validates; those of the finals are on the
other half.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent

sys.path.insert(0, str(HERE.parent))
import reports  # noqa: E402


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


if __name__ == "__main__":
    recipes()
    print()
    reports.finals("recipes/final", "kd")
