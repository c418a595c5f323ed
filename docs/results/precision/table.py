"""Prints the table of docs/exactness.md from the reports beside this file."""

import json
import pathlib
import statistics

HERE = pathlib.Path(__file__).parent
DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")


def percent(values):
    mean, spread = statistics.mean(values), statistics.stdev(values)
    return f"{100 * mean:.2f} ± {100 * spread:.2f} %"


def main():
    print("| dtype | last student | best student | lit + fine_tune | export |")
    print("|---|---|---|---|---|")
    for dtype in DTYPES:
        files = sorted(HERE.glob(f"{dtype}_seed*.json"))
        results = [json.loads(file.read_text()) for file in files]
        last, best = (
            percent([one["student"][which]["test_accuracy"] for one in results])
            for which in ("last", "best")
        )
        seconds = statistics.mean(
            one["wall_seconds"]["lit"] + one["wall_seconds"]["fine_tune"]
            for one in results
        )
        gap = max(one["export_max_difference"] for one in results)
        print(f"| {dtype} | {last} | {best} | {seconds:.0f} s | {gap:.1e} |")


if __name__ == "__main__":
    main()
