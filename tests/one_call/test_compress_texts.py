"""`lit_tf.compress` of a model that reads texts as they are."""

import keras
import numpy as np

import lit_tf

TEXTS = ["good film", "bad film", "good plot", "bad plot"] * 8
LABELS = np.arange(32) % 2


def words():
    """A classifier of strings, of four blocks."""
    texts = keras.Input((1,), name="texts", dtype="string")
    table = keras.layers.TextVectorization(
        vocabulary=["good", "bad", "film"], output_sequence_length=4
    )
    x = keras.layers.Embedding(6, 8)(table(texts))
    for j in range(4):
        y = keras.layers.Dense(8, activation="relu", name=f"dense_{j}")(x)
        x = keras.layers.Add(name=f"add_{j}")([x, y])
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(texts, keras.layers.Dense(2)(x), name="words")


def test_a_model_of_strings_is_compressed_and_what_is_not_counted_named():
    result = lit_tf.compress(
        words(), (TEXTS, LABELS), keep=2, epochs=2, min_teacher_accuracy=0
    )
    assert result.facts["blocks"] == [2]
    assert "cannot be counted: MatMul." in str(result)
    # The only FLOPs of the table would be 0.
    assert "FLOPs per example" not in str(result)
