"""Compresses a model of your own with data from a `tf.data.Dataset`.

    python examples/tf_data.py

The whole run of `lit-compress`, started from Python: both phases, checkpoints,
report and SavedModel, in the folder `runs/tf_data`. The same call again resumes
it. The data are scikit-learn's handwritten digits.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from sklearn import datasets

from lit_tf import config, data, experiment


def examples():
    """Returns datasets to train on, to validate and to test on.

    Each has single examples: an image `[8, 8, 1]`, and a class number.
    """
    digits = datasets.load_digits()
    images = digits.images[..., np.newaxis].astype("float32")
    whole = tf.data.Dataset.from_tensor_slices((images, digits.target))
    return whole.take(640), whole.skip(640).take(160), whole.skip(800).take(160)


def own_model():
    """Returns a network of repeated blocks, images → logits."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Rescaling(1 / 16)(inputs)
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    for _ in range(4):
        y = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
        y = keras.layers.BatchNormalization(momentum=0.9)(y)
        x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x), name="own")


def main():
    """Trains the teacher with Keras, and compresses it."""
    train, validation, test = examples()
    teacher = own_model()
    teacher.compile(
        keras.optimizers.Adam(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    teacher.fit(train.batch(32), epochs=10, verbose=2)
    teacher.save("my_model.keras")

    phase = config.Phase(
        epochs=5, batch_size=32, learning_rate=0.05, weight_decay=1e-4
    )
    settings = config.Compress(
        teacher_weights="my_model.keras",
        shrink=config.Shrink(keep=(2,)),
        init="teacher_blocks",
        lit=phase,
        fine_tune=dataclasses.replace(phase, learning_rate=0.01),
        session=config.Session(workdir="runs/tf_data"),
    )
    dataset = data.collected(train, test, validation=validation, name="digits")
    report = experiment.compress(
        settings, dataset=dataset, command="python examples/tf_data.py"
    )
    print(f"test accuracy {report['student']['test_accuracy']:.2%}")


if __name__ == "__main__":
    main()
