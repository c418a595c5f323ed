"""Prints the table of `reviews_cpu` from the reports beside this file."""

import json
import pathlib
import statistics

HERE = pathlib.Path(__file__).parent
METHODS = {
    "lit": "LIT, 4 + 8 epochs",
    "lit_8_4": "LIT, 8 + 4 epochs",
    "kd": "KD",
    "scratch": "from scratch",
}


def percent(values):
    mean, spread = statistics.mean(values), statistics.stdev(values)
    return f"{100 * mean:.2f} ± {100 * spread:.2f} %"


def student(results):
    """Returns the one that was chosen on validation."""
    return (
        results["student"]["best"]
        if "student" in results
        else results["teacher"]
    )


def main():
    results = json.loads((HERE / "teacher.json").read_text())
    teacher = results["teacher"]
    print(
        f"teacher {teacher['model']}: {teacher['test_accuracy']:.2%} test, "
        f"{teacher['validation_accuracy']:.2%} validation\n"
    )
    print("| vdcnn9 | test | validation |\n|---|---|---|")
    for name, word in METHODS.items():
        runs = [
            student(json.loads(file.read_text()))
            for file in sorted(HERE.glob(f"{name}_seed*.json"))
        ]
        tested, validated = (
            percent([one[f"{split}_accuracy"] for one in runs])
            for split in ("test", "validation")
        )
        print(f"| {word} | {tested} | {validated} |")


if __name__ == "__main__":
    main()
