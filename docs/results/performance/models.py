"""Writes the models whose steps docs/performance.md compares.

    python docs/results/performance/models.py FOLDER

Models of `keras.applications` and a vision transformer of 8 blocks (width 192,
patches of 8 px), at 64 px with 10 classes and random weights. Where KerasHub is
installed, also its BERT, of the size of MiniLM, with 2 classes.
"""

import importlib.util
import pathlib
import sys

import keras

APPLICATIONS = (
    "ResNet50V2",
    "MobileNetV2",
    "EfficientNetV2B0",
    "ConvNeXtTiny",
)
TOKENS, WIDTH, HEADS, BLOCKS, PATCH = 64, 192, 3, 8, 8


def vit():
    layers = keras.layers
    x = inputs = keras.Input((64, 64, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    x = layers.Conv2D(WIDTH, PATCH, PATCH)(x)
    x = layers.Reshape((TOKENS, WIDTH))(x)
    # The bias of each token is its position.
    x = layers.EinsumDense("btc,cd->btd", (TOKENS, WIDTH), bias_axes="td")(x)
    for _ in range(BLOCKS):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(4 * WIDTH, activation="gelu")(y)
        x = layers.Add()([x, layers.Dense(WIDTH)(y)])
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(10)(x), name="vit8")


def bert():
    import keras_hub

    backbone = keras_hub.models.BertBackbone(30522, 6, 12, 384, 1536)
    pool = keras.layers.GlobalAveragePooling1D()
    x = pool(
        backbone.output["sequence_output"], mask=backbone.input["padding_mask"]
    )
    return keras.Model(backbone.input, keras.layers.Dense(2)(x), name="bert")


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in APPLICATIONS:
        keras.utils.set_random_seed(0)
        model = getattr(keras.applications, name)
        made = model(weights=None, input_shape=(64, 64, 3), classes=10)
        made.save(folder / f"{name}.keras")
    keras.utils.set_random_seed(0)
    vit().save(folder / "ViT.keras")
    if importlib.util.find_spec("keras_hub"):
        bert().save(folder / "BERT.keras")


if __name__ == "__main__":
    main()
