"""Models like those of a user, which no family of `lit_tf` builds."""

import keras


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
