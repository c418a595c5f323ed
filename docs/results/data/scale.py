"""Speed and memory of reading many JPEG files without storing their pixels.

    python docs/results/data/scale.py FOLDER [FILES [EPOCHS]]

Writes FILES pictures of 256 × 256 pixels in two class folders, unless they are
there, and reads them EPOCHS times as training batches at 224 pixels. After
that, the training step of a MobileNetV2 is timed on batches in memory, by
Keras's `fit`.
"""

import pathlib
import resource
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

import lit_tf
from lit_tf.data import batches
from lit_tf.experiment import hardware

BATCH, SIDE, STORED_SIDE = 32, 224, 256
STEPS = 20


def generate(folder, files):
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(files):
        path = folder / ("one", "two")[i % 2] / f"{i:06d}.jpg"
        if path.exists():
            continue
        # Smooth patterns, which a JPEG stores in about as much as a photograph.
        small = random.integers(0, 256, (32, 32, 3), np.uint8)
        image = Image.fromarray(small)
        image = image.resize((STORED_SIDE,) * 2, Image.Resampling.BICUBIC)
        image.save(path, quality=90)


def resident():
    """Returns the resident memory of this process in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def read(split, crop, epochs):
    steps = batches.steps_per_epoch(split, BATCH)
    for epoch in range(epochs):
        started = time.monotonic()
        pipeline = batches.training(
            split,
            batch_size=BATCH,
            epochs=epoch + 1,
            seed=0,
            crop=crop,
            first_step=epoch * steps,
        )
        count = sum(len(y) for _, y in pipeline)
        rate = count / (time.monotonic() - started)
        print(
            f"epoch {epoch + 1}: {count:,} images, {rate:,.0f} images/s, "
            f"{resident():,.0f} MiB resident",
            flush=True,
        )


def time_step():
    model = keras.applications.MobileNetV2(weights=None, classes=2)
    model.compile("sgd", "sparse_categorical_crossentropy")
    images = np.zeros((BATCH, SIDE, SIDE, 3), np.float32)
    data = tf.data.Dataset.from_tensors((images, np.zeros(BATCH))).repeat()
    model.fit(data, steps_per_epoch=2, verbose=0)
    started = time.monotonic()
    model.fit(data, steps_per_epoch=STEPS, verbose=0)
    rate = STEPS * BATCH / (time.monotonic() - started)
    print(
        f"training MobileNetV2 at {SIDE} px: {rate:,.0f} images/s", flush=True
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    given = [*map(int, sys.argv[2:])]
    files, epochs = given + [20_000, 10][len(given) :]
    machine = hardware.found()
    print(f"{machine['cores']} cores of {machine['processor']}", flush=True)
    generate(folder, files)
    settings = lit_tf.config.Data(
        dataset="image_classes",
        image_size=SIDE,
        decoding="always",
        validation_fraction=0,
    )
    dataset = lit_tf.data.load(settings, data_dir=str(folder))
    print(f"{len(dataset.train):,} training images", flush=True)
    read(dataset.train, dataset.crop, epochs)
    time_step()


if __name__ == "__main__":
    main()
