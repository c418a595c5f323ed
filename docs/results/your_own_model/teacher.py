"""Trains a slim network of keras.applications on CIFAR-10 with Keras alone.

    python teacher.py CIFAR_10_BATCHES_BIN OUT [resnet50v2|mobilenetv2 [EPOCHS]]

writes OUT/my_model.keras and OUT/my_images.npz; as a user has them, `lit_tf` is
not asked. By default a ResNet50V2 with a quarter of its filters; a MobileNetV2
has a width of 0.5, and reads images of twice the size. With EPOCHS it is
trained so long on 45,000 images, and the other 5,000 are kept for validation.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

BATCH = 128


def read(*files):
    rows = np.concatenate([np.fromfile(f, np.uint8) for f in files])
    rows = rows.reshape(-1, 3073)
    images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, rows[:, 0]


def augmented(image, label):
    image = tf.image.random_flip_left_right(
        tf.pad(image, [[4, 4]] * 2 + [[0, 0]])
    )
    return tf.image.random_crop(image, [32, 32, 3]), label


source, out = map(pathlib.Path, sys.argv[1:3])
which, *given = sys.argv[3:] or ["resnet50v2"]
x_train, y_train = read(*sorted(source.glob("data_batch_*.bin")))
x_test, y_test = read(source / "test_batch.bin")
arrays = {"x_test": x_test, "y_test": y_test}
if given:
    arrays |= {"x_val": x_train[45_000:], "y_val": y_train[45_000:]}
    x_train, y_train = x_train[:45_000], y_train[:45_000]
np.savez(out / "my_images.npz", x_train=x_train, y_train=y_train, **arrays)

keras.utils.set_random_seed(0)


def resnet50v2():
    """A quarter of the filters, and twice as many places: for 32 pixels."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    config = keras.applications.ResNet50V2(
        weights=None, input_shape=(32, 32, 3), classes=10
    ).get_config()
    for layer in config["layers"]:
        layer.pop("build_config", None)  # It tells the old shapes.
        if "filters" in layer["config"]:
            layer["config"]["filters"] //= 4
        if layer["config"]["name"] == "conv1_conv":
            layer["config"]["strides"] = 1
    return keras.Model.from_config(config)


def mobilenetv2():
    """A width of 0.5, and images of twice the size.

    In float32, in which depthwise convolutions are faster on a CPU.
    """
    network = keras.applications.MobileNetV2(
        weights=None, input_shape=(64, 64, 3), classes=10, alpha=0.5
    )
    return keras.Sequential([keras.layers.UpSampling2D(2), network])


# Each with its epochs and its learning rate.
networks = {
    "resnet50v2": (resnet50v2, 12, 1e-3),
    "mobilenetv2": (mobilenetv2, 30, 2e-3),
}
build, epochs, rate = networks[which]
epochs = int(given[0]) if given else epochs
network = build()
image = keras.Input((32, 32, 3))
pixels = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
model = keras.Model(image, network(pixels), name="my_model")
model.compile(
    keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(
            rate, epochs * (len(x_train) // BATCH)
        )
    ),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
train = (
    tf.data.Dataset.from_tensor_slices((x_train, y_train))
    .shuffle(len(x_train))
    .map(augmented, tf.data.AUTOTUNE)
    .batch(BATCH, drop_remainder=True)
    .prefetch(4)
)
model.fit(train, epochs=epochs, verbose=2)
model.save(out / "my_model.keras")
