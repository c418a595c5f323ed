"""The encoder beside Keras's TextVectorization and a plain Python loop.

    python docs/results/texts/encoder.py DATA_DIR

On one thread; DATA_DIR holds real reviews (amazon_review_full_csv/train.csv).
"""

import csv
import functools
import pathlib
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from lit_tf.data import characters

LENGTH = 1014
BATCH = 1024
HOW = {"alphabet": characters.ALPHABET, "length": LENGTH}
STRINGS = [tf.TensorSpec([None], tf.string)]


def loop(texts):
    known = {c: i for i, c in enumerate(characters.ALPHABET, 1)}
    codes = np.zeros((len(texts), LENGTH), np.uint8)
    for row, text in zip(codes, texts, strict=True):
        for i, character in enumerate(text.lower()[:LENGTH]):
            row[i] = known.get(character, 68)
    return codes


def main():
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    table = pathlib.Path(sys.argv[1], "amazon_review_full_csv", "train.csv")
    with table.open(encoding="utf-8", newline="") as file:
        texts = [" ".join(row[1:]) for row in csv.reader(file)]
    vectorization = keras.layers.TextVectorization(
        standardize="lower",
        split="character",
        output_sequence_length=LENGTH,
        vocabulary=list(characters.ALPHABET),
    )
    encode = functools.partial(characters.encode, **HOW)
    ways = {
        "lit_tf.data.characters.encode": tf.function(encode, STRINGS),
        "keras TextVectorization": tf.function(
            lambda strings: vectorization(strings), STRINGS
        ),
        "a Python loop": loop,
    }
    for name, way in ways.items():
        rates = []
        for _ in range(4):  # The first of which compiles.
            started = time.process_time()
            for i in range(0, len(texts), BATCH):
                way(texts[i : i + BATCH])
            rates.append(len(texts) / (time.process_time() - started))
        print(f"{name}: {max(rates[1:]):,.0f} reviews/s of CPU time")


if __name__ == "__main__":
    main()
