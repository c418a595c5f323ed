"""A home-made vision transformer of 8 blocks, trained on CIFAR-10.

    python docs/results/transformers/vit.py DATA_DIR TEACHER.keras [EPOCHS]

Three convolutions make 16 tokens of an image, and 8 blocks of width 64 follow.
Keras's `fit` trains it on the 45,000 images that are not set apart for
validation, flipped and cropped at random, with seed 0, for 60 epochs.
"""

import pathlib
import sys

import keras
import tensorflow as tf

import lit_tf

BLOCKS, WIDTH, HEADS, TOKENS = 8, 64, 4, 16
EPOCHS, BATCH, RATE = 60, 128, 1e-3


def vit():
    layers = keras.layers
    x = inputs = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    for channels in (24, 48, WIDTH):
        x = layers.Conv2D(channels, 3, 2, padding="same", activation="gelu")(x)
    x = layers.Reshape((TOKENS, WIDTH))(x)
    # The bias of each token is its position.
    x = layers.EinsumDense("btc,cd->btd", (TOKENS, WIDTH), bias_axes="td")(x)
    for _ in range(BLOCKS):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(2 * WIDTH, activation="gelu")(y)
        x = layers.Add()([x, layers.Dense(WIDTH)(y)])
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(10)(x), name="vit8")


def augmented(image, label):
    image = tf.image.random_flip_left_right(image)
    image = tf.pad(image, [[4, 4], [4, 4], [0, 0]])
    return tf.image.random_crop(image, (32, 32, 3)), label


def main():
    data_dir, target, *given = sys.argv[1:]
    epochs = int(given[0]) if given else EPOCHS
    keras.utils.set_random_seed(0)
    settings = lit_tf.config.Data(dataset="cifar10")
    cifar = lit_tf.data.load(settings, data_dir=data_dir)
    train = tf.data.Dataset.from_tensor_slices(
        (cifar.train.inputs, cifar.train.labels)
    )
    train = train.shuffle(len(cifar.train)).map(augmented).batch(BATCH)
    model = vit()
    model.compile(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(RATE, epochs * len(train)),
            weight_decay=0.05,
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    held_out = cifar.validation.inputs, cifar.validation.labels
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    # Interrupted, it goes on at the last whole epoch.
    backup = keras.callbacks.BackupAndRestore(f"{target}.backup")
    model.fit(
        train,
        epochs=epochs,
        validation_data=held_out,
        callbacks=[backup],
        verbose=2,
    )
    model.save(target)


if __name__ == "__main__":
    main()
