"""Prints the recipes that were tried as a Markdown table, the best first."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent


def main():
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
    main()
