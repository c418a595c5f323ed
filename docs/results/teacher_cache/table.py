"""Prints the cache's tables in docs/performance.md, of the reports here."""

import json
import pathlib
import statistics

HERE = pathlib.Path(__file__).parent


def results(pattern):
    return [json.loads(path.read_text()) for path in sorted(HERE.glob(pattern))]


def percent(value):
    return f"{100 * value:.2f} %"


def main():
    print("| CIFAR-10, ResNet-56 → 20 | test accuracy | agreement |")
    print("|---|---|---|")
    for name in ("live", "views_4", "views_1"):
        (report,) = results(f"cifar10_{name}.json")
        last = report["student"]["last"]["test_accuracy"]
        agreement = report["agreement"]
        print(f"| {name} | {percent(last)} | {percent(agreement)} |")
    print("\n| digits, ResNet-26 → 8 | test accuracy | seeds |")
    print("|---|---|---|")
    for name in ("off", "memory"):
        last = [
            report["student"]["last"]["test_accuracy"]
            for report in results(f"digits_{name}_seed*.json")
        ]
        mean, spread = statistics.mean(last), statistics.stdev(last)
        row = f"{100 * mean:.2f} ± {100 * spread:.2f} %"
        print(f"| {name} | {row} | {len(last)} |")


if __name__ == "__main__":
    main()
