"""Measures the memory of steps on large images, each in a process of its own.

    python docs/results/performance/large_memory.py MobileNetV2 [RUN …]

The model is one of `keras.applications`, with random weights, at 224 px and
batch 32; its student has half of the FLOPs. The peak is that of five steps,
above the memory of the process after its imports. Without names of runs, all
are measured.
"""

import pathlib
import subprocess
import sys
import tempfile

import keras

from lit_tf.benchmark import memory, own_model_bench, pieces
from lit_tf.benchmark.settings import Settings
from lit_tf.config import Shrink
from lit_tf.experiment import hardware
from lit_tf.methods import trainer

_STEPS = 5
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


def main(name, *chosen):
    print(hardware.found(), keras.__version__, flush=True)
    with tempfile.TemporaryDirectory() as place:
        path = str(pathlib.Path(place, f"{name}.keras"))
        getattr(keras.applications, name)(weights=None).save(path)
        peaks = {}
        for what in chosen or _MEASURED:
            done = subprocess.run(
                [sys.executable, __file__, "measure", path, what],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
                text=True,
            )
            peaks[what] = float(done.stdout.splitlines()[-1])
            print(f"{name}, {what}: {peaks[what]:,.0f} MiB", flush=True)
    if not chosen:
        allowed = peaks["teacher"] + 1.5 * peaks["plain student step"]
        ratio = peaks["phase lit"] / allowed
        print(f"phase lit ÷ (teacher + 1.5 × plain): {ratio:.2f}")


def measure(path, what):
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
    print(memory._mib("VmHWM") - before)


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        measure(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
