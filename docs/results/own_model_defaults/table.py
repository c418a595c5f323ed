"""Prints the learning rates that were tried, and the study, as Markdown tables.

Accuracies of the rates are those after the last of 3 epochs, on the images that
validate.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent

sys.path.insert(0, str(HERE.parent))
import reports  # noqa: E402


def rates():
    found = {}
    for path in HERE.glob("rates/*/report.json"):
        method, _, rate = path.parent.name.rpartition("_")
        last = json.loads(path.read_text())["student"]["last"]
        accuracy = f"{100 * last['validation_accuracy']:.2f} %"
        found.setdefault(method, {})[rate] = accuracy
    columns = sorted({rate for row in found.values() for rate in row})
    print(f"| | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
    for method in sorted(found):
        cells = (found[method][rate] for rate in columns)
        print(f"| `{method}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    rates()
    print()
    reports.finals("own_model_defaults/runs", "kd_3_epochs")
