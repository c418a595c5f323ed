"""Measures the memory that recomputation saves in a model of many equal blocks.

    python docs/results/performance/recomputation.py

Teacher and student of phase lit are 12 and 8 residual blocks of a convolution
with 32 channels at 96 px; batches have 16 images. The peak is that of three
steps, above the memory of the process before them, each in its own process.
"""

import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

import lit_tf
from lit_tf.benchmark import memory

SIDE, CHANNELS, BLOCKS, KEPT, BATCH = 96, 32, 12, 8, 16


def model():
    layers = keras.layers
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(CHANNELS, 3, padding="same")(inputs)
    for _ in range(BLOCKS):
        y = layers.Conv2D(CHANNELS, 3, padding="same")(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10)(x))


def measure(method, recompute):
    keras.utils.set_random_seed(0)
    whole = model()
    teacher = lit_tf.split(whole, lit_tf.plan(whole))
    student = lit_tf.shrink(teacher, keep=KEPT)
    trainer = {
        "labels alone": lambda: lit_tf.Teach(student),
        "KD": lambda: lit_tf.Distill(teacher, student),
        "LIT": lambda: lit_tf.LIT(teacher, student),
    }[method]()
    trainer.recompute = recompute
    trainer.compile(lit_tf.SGD(0.001))
    before = memory._mib("VmRSS")
    images = np.random.default_rng(0).random((BATCH, SIDE, SIDE, 3))
    labels = np.arange(BATCH) % 10
    batch = tf.data.Dataset.from_tensors((images.astype("float32"), labels))
    trainer.fit(batch.repeat(3), verbose=0)
    print(memory._mib("VmHWM") - before)


def main():
    for method in ("labels alone", "KD", "LIT"):
        for recompute in ("", "recompute"):
            done = subprocess.run(
                [sys.executable, __file__, method, recompute],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
                text=True,
            )
            peak = float(done.stdout.splitlines()[-1])
            print(f"{method:<13}{recompute:<11}{peak:6,.0f} MiB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(sys.argv[1], bool(sys.argv[2]))
    else:
        main()
