"""Models like those of a user, which no family of `lit_tf` builds."""

import keras
import seeds


def residual_rows(x, *, blocks, widths=(4, 8)):
    """Applies a convolution and rows of residual blocks to images.

    The layers of block j of row R are `rowR_j_conv`, `…_norm`, `…_add` and
    `…_relu`, and `…_short` where the number of channels changes.

    Args:
        x: symbolic images, `[batch, height, width, channels]`.
        blocks: number of blocks in each row.
        widths: number of channels of each row.

    Returns:
        The symbolic output of the last row.
    """
    x = keras.layers.Conv2D(widths[0], 3, padding="same", name="conv")(x)
    for row, width in enumerate(widths):
        for j in range(blocks):
            name = f"row{row}_{j}"
            y, stride = x, 1
            if x.shape[-1] != width:
                stride = 2
                x = keras.layers.Conv2D(width, 1, 2, name=f"{name}_short")(x)
            y = keras.layers.Conv2D(
                width, 3, stride, padding="same", name=f"{name}_conv"
            )(y)
            y = keras.layers.BatchNormalization(name=f"{name}_norm")(y)
            x = keras.layers.Add(name=f"{name}_add")([x, y])
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return x


def recurrent():
    """Returns a model of three residual blocks, each with an LSTM."""
    x = inputs = keras.Input((5, 4), name="steps")
    x = keras.layers.Dense(4, name="dense")(x)
    for name in ("one", "two", "three"):
        y = keras.layers.LSTM(4, return_sequences=True, name=name)(x)
        y = keras.layers.Dense(4, name=f"{name}_dense")(y)
        x = keras.layers.Add(name=f"{name}_add")([x, y])
    return keras.Model(inputs, x, name="recurrent")


def home_made(classes=3, softmax=True, extra=()):
    """Returns rows of residual blocks in a nested model, and a softmax."""
    seeds.set_all(0)
    inputs = keras.Input((8, 8, 3), name="image")
    x = residual_rows(inputs, blocks=3)
    backbone = keras.Model(inputs, x, name="backbone")
    x = image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(x)
    for layer in extra:
        x = layer(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(backbone(x))
    activation = "softmax" if softmax else None
    x = keras.layers.Dense(classes, activation=activation, name="answer")(x)
    return keras.Model(image, x, name="mine")
