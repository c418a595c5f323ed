"""Compresses a network that reads texts, character by character.

    python examples/texts.py

It trains a VDCNN with 17 layers, and one with 9 from it. The texts are made of
a few words and the networks are narrow, so that the script takes seconds; the
paper's networks are 16 times as wide and read 1,014 characters.
"""

import csv

import keras
import numpy as np

import lit_tf
from lit_tf import config, data, models

WORDS = (("poor", "dull", "broken"), ("great", "lovely", "perfect"))


def write_examples():
    """Writes train.csv and test.csv: a label that counts from 1, and a text."""
    random = np.random.default_rng(0)
    for name, count in (("train", 64), ("test", 16)):
        with open(f"{name}.csv", "w", newline="") as file:
            rows = csv.writer(file, quoting=csv.QUOTE_ALL)
            for label in random.integers(0, 2, count):
                text = " ".join(random.choice(WORDS[label], 4))
                rows.writerow((label + 1, text))


def main():
    """Trains a teacher, compresses it and saves the student."""
    write_examples()
    settings = config.Data(dataset="csv", text_length=64)
    dataset = data.load(settings, data_dir=".")
    codes, labels = dataset.train.inputs[:], dataset.train.labels

    teacher = models.get("vdcnn17", width=4)(**dataset.form)
    student = models.get("vdcnn9", width=4)(**dataset.form)
    for make in (
        lambda: lit_tf.Teach(teacher),
        lambda: lit_tf.LIT(teacher, student),
        lambda: lit_tf.Distill(teacher, student),
    ):
        phase = make()  # LIT copies the weights that the teacher has now.
        phase.compile(lit_tf.SGD(0.01, momentum=0.9, weight_decay=1e-4))
        phase.fit(codes, labels, batch_size=16, epochs=1, verbose=2)

    student.save("student.keras")
    logits = lit_tf.load("student.keras").predict(dataset.test.inputs[:1])
    print("negative, positive:", keras.ops.softmax(logits)[0].numpy())


if __name__ == "__main__":
    main()
