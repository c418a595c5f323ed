"""The memory of a process over 1,000 LIT steps on images of 224 px.

    python docs/results/performance/memory_growth.py MobileNetV2 [BATCH_SIZE]

The model is one of `keras.applications`, with random weights; its student has
half of the FLOPs. Batches of 8, unless another size is given: a step that kept
memory would do so at any size.
"""

import pathlib
import sys
import tempfile

import keras

from lit_tf.benchmark import memory, own_model_bench, pieces
from lit_tf.benchmark.settings import Settings
from lit_tf.config import Shrink
from lit_tf.experiment import hardware

_STEPS, _EVERY = 1000, 100


def main(name, batch_size=8):
    print(hardware.found(), keras.__version__, flush=True)
    with tempfile.TemporaryDirectory() as place:
        path = str(pathlib.Path(place, f"{name}.keras"))
        getattr(keras.applications, name)(weights=None).save(path)
        bench = own_model_bench.bench_of(
            Settings(
                teacher_weights=path,
                shrink=Shrink(compression=2),
                batch_size=int(batch_size),
            )
        )
        step = pieces.PIECES["lit_step"](bench).call
    print(f"{name}, 224 px, batch {batch_size}, phase lit")
    for number in range(1, _STEPS + 1):
        step()
        if number % _EVERY == 0:
            used = memory._mib("VmRSS")
            print(f"after {number:5,} steps: {used:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
