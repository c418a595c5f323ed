"""Measures the memory of steps on large images, each in a process of its own.

    python docs/results/performance/large_memory.py MobileNetV2 200

The model is one of `keras.applications`, with random weights, at 224 px and
batch 32; its student has half of the FLOPs. The number is that of the steps
over which the growth of phase `lit` is measured, after the first 10.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import keras

from lit_tf.benchmark import memory, own_model_bench, pieces
from lit_tf.benchmark.settings import Settings
from lit_tf.config import Shrink
from lit_tf.experiment import report
from lit_tf.methods import trainer

# Steps after which the peak is assumed to be reached.
_STEPS = 10
# What is measured: the piece of `lit-benchmark`, and what trainers are set to.
_MEASURED = {
    "teacher": ("teacher", {}),
    "plain student step": ("student_step", {}),
    "phase lit": ("lit_step", {}),
    "phase lit, 2 microbatches": ("lit_step", {"microbatches": 2}),
    "phase lit, 4 microbatches": ("lit_step", {"microbatches": 4}),
    "phase lit, 8 microbatches": ("lit_step", {"microbatches": 8}),
    "phase lit, recomputed": ("lit_step", {"recompute": True}),
    "phase lit, recomputed, 4 microbatches": (
        "lit_step",
        {"recompute": True, "microbatches": 4},
    ),
    "plain student step, recomputed": ("student_step", {"recompute": True}),
}


def main(name, growing):
    print(report.hardware(), keras.__version__)
    with tempfile.TemporaryDirectory() as place:
        path = str(pathlib.Path(place, f"{name}.keras"))
        getattr(keras.applications, name)(weights=None).save(path)
        peaks = {}
        for what in _MEASURED:
            steps = growing if what == "phase lit" else 0
            done = subprocess.run(
                [sys.executable, __file__, path, what, str(steps)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
                text=True,
            )
            result = json.loads(done.stdout.splitlines()[-1])
            peaks[what] = result["peak"]
            print(f"{name}, {what}: {result['peak']:,.0f} MiB", flush=True)
            if steps:
                print(f"growth over {steps} steps: {result['growth']:+.1f} MiB")
        allowed = peaks["teacher"] + 1.5 * peaks["plain student step"]
        for what, peak in peaks.items():
            if what.startswith("phase lit"):
                print(f"{what} ÷ (teacher + 1.5 × plain): {peak / allowed:.2f}")


def measure(path, what, steps):
    before = memory._mib("VmRSS")
    piece, settings = _MEASURED[what]
    for name, value in settings.items():
        setattr(trainer.Trainer, name, value)
    bench = own_model_bench.bench_of(
        Settings(
            teacher_weights=path, shrink=Shrink(compression=2), batch_size=32
        )
    )
    call = pieces.PIECES[piece](bench).call
    for _ in range(_STEPS):
        call()
    settled = memory._mib("VmRSS")
    for _ in range(steps):
        call()
    growth = memory._mib("VmRSS") - settled
    peak = memory._mib("VmHWM") - before
    print(json.dumps({"peak": peak, "growth": growth}))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main(sys.argv[1], int(sys.argv[2]))
