"""Trains a small classifier of garments, in whose features FID is told.

    python docs/results/fashion_cpu/features.py DATA_DIR FEATURES.keras

It sees the pictures that the recipe trains on, and none of those it tests on.
"""

import sys

import keras
import numpy as np

from lit_tf import config, data


def main(data_dir, output):
    keras.utils.set_random_seed(0)
    settings = config.Data(dataset="image_folder", image_size=32)
    pictures = data.load(settings, data_dir=data_dir)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(16, 3, 2, "same", activation="relu"),
            layers.Conv2D(32, 3, 2, "same", activation="relu"),
            layers.Conv2D(64, 3, 2, "same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(64, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    garments = [pictures.classes.index(n) for n in ("Trouser", "Dress", "Coat")]
    splits = {
        name: (
            np.asarray(split.inputs[:]),
            split.labels[:, garments].argmax(axis=1),
        )
        for name, split in vars(pictures).items()
        if name in ("train", "validation")
    }
    model.fit(
        *splits["train"],
        epochs=10,
        batch_size=64,
        validation_data=splits["validation"],
        verbose=2,
    )
    model.save(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
