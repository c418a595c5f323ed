"""Times a LIT step over batches and depths, and plots it against its FLOPs.

    python docs/results/performance/scaling.py

Writes scaling.json and scaling.png beside itself. Each point is the median of
a step of ResNet-DEPTH → ResNet-20; the points take turns.
"""

import json
import pathlib
import statistics
import sys
import time

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from lit_tf.benchmark import bench, pieces, settings
from lit_tf.experiment import hardware

HERE = pathlib.Path(__file__).parent
POINTS = {
    "batch": [(110, batch) for batch in (32, 64, 128, 256, 512)],
    "depth": [(depth, 128) for depth in (20, 32, 44, 56, 110)],
}
DTYPES = ("float32", "mixed_bfloat16")
ROUNDS, WARM_UP = 8, 2


def measured(dtype):
    """Returns milliseconds and GFLOP of a step by (depth, batch)."""
    table = {}
    for depth, batch in dict.fromkeys(sum(POINTS.values(), [])):
        made = bench.Bench(
            settings.Settings(
                teacher=f"resnet{depth}", batch_size=batch, dtype=dtype
            )
        )
        table[depth, batch] = pieces.PIECES["lit_step"](made)
    times = {point: [] for point in table}
    for turn in range(WARM_UP + ROUNDS):
        for point, piece in table.items():
            start = time.perf_counter()
            piece.call()
            if turn >= WARM_UP:
                times[point].append(1000 * (time.perf_counter() - start))
    return {
        point: (statistics.median(each), table[point].flops().flops / 1e9)
        for point, each in times.items()
    }


def main():
    sys.setrecursionlimit(100_000)
    results = {"hardware": hardware.found(), "steps": []}
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for dtype in DTYPES:
        found = measured(dtype)
        base = found[110, 128]
        for axis, (what, points) in zip(axes, POINTS.items(), strict=True):
            rates = []
            for point in points:
                ms, gflop = found[point]
                # 1 where the time is proportional to the FLOPs.
                relative = (ms / gflop) / (base[0] / base[1])
                rates.append(relative)
                results["steps"].append(
                    {
                        "dtype": dtype,
                        "varied": what,
                        "depth": point[0],
                        "batch": point[1],
                        "ms": ms,
                        "gflop": gflop,
                        "relative_to_proportional": relative,
                    }
                )
                print(dtype, what, *point, f"{ms:.1f} ms {relative:.2f}")
            x = [point[what == "batch"] for point in points]
            axis.plot(x, rates, "o-", label=dtype)
            axis.set_xlabel("batch" if what == "batch" else "teacher's depth")
            axis.axhspan(0.85, 1.15, color="0.93", zorder=0)
    axes[0].set_ylabel("time a FLOP, relative to 110, 128")
    axes[0].set_xscale("log", base=2)
    axes[0].set_xticks([32, 64, 128, 256, 512], [32, 64, 128, 256, 512])
    axes[0].set_ylim(0, 1.8)
    axes[0].legend()
    figure.suptitle("LIT step, ResNet → ResNet-20, two CPU cores")
    figure.tight_layout()
    figure.savefig(HERE / "scaling.png", dpi=110)
    (HERE / "scaling.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
