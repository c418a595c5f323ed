"""A small transformer that classifies reviews, as a teacher.

    python docs/results/texts/bucket_teacher.py PREPROCESSOR REVIEWS_DIR \
        TARGET_DIR

PREPROCESSOR is the folder that `lit-import --model=bert` wrote. The model has 4
blocks of width 64 and is trained from new weights by Keras's `fit`, seed 0.
"""

import pathlib
import shutil
import sys

import keras

import lit_tf
from lit_tf.interop import hub_texts

LENGTH, WIDTH, BLOCKS, HEADS = 256, 64, 4, 4
WORDS = 30522
EPOCHS, BATCH, RATE = 3, 32, 1e-3


def block(x, mask, name):
    attention = keras.layers.MultiHeadAttention(
        HEADS, WIDTH // HEADS, name=f"{name}_attention"
    )
    y = keras.layers.LayerNormalization(name=f"{name}_norm_1")(x)
    x = x + attention(y, y, attention_mask=mask[:, None])
    y = keras.layers.LayerNormalization(name=f"{name}_norm_2")(x)
    y = keras.layers.Dense(2 * WIDTH, "gelu", name=f"{name}_dense")(y)
    return x + keras.layers.Dense(WIDTH, name=f"{name}_back")(y)


def classifier():
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    segments = keras.Input((None,), dtype="int32", name="segment_ids")
    padding = keras.Input((None,), dtype="int32", name="padding_mask")
    mask = keras.ops.cast(padding, "bool")
    x = keras.layers.Embedding(WORDS, WIDTH, name="words")(ids)
    x = x + keras.layers.Embedding(2, WIDTH, name="segments")(segments)
    for number in range(BLOCKS):
        x = block(x, mask, f"block_{number}")
    x = keras.layers.LayerNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x, mask=mask)
    x = keras.layers.Dropout(0.1, name="dropout")(x)
    x = keras.layers.Dense(2, name="logits")(x)
    inputs = {
        "token_ids": ids,
        "segment_ids": segments,
        "padding_mask": padding,
    }
    return keras.Model(inputs, x, name="reviews")


def main():
    preprocessor, data_dir, target = sys.argv[1:]
    target = pathlib.Path(target)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(preprocessor, target / "preprocessor", dirs_exist_ok=True)
    settings = lit_tf.config.Data(
        dataset="csv", preprocessor=preprocessor, sequence_length=LENGTH
    )
    data = lit_tf.data.load(
        settings, data_dir=data_dir, encoder=hub_texts.encoder(settings)
    )
    keras.utils.set_random_seed(0)
    model = classifier()
    model.compile(
        keras.optimizers.AdamW(RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        data.train.read(0, len(data.train)),
        data.train.labels,
        validation_data=(
            data.validation.read(0, len(data.validation)),
            data.validation.labels,
        ),
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=2,
    )
    model.save(target / "reviews.keras")


if __name__ == "__main__":
    main()
