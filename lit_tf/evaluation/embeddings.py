"""Similarity of two encoders: cosine of their vectors, nearest neighbors."""

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from lit_tf.data import Split

# Every text is compared with every other one.
NEIGHBORS = 2000
_BATCH = 64


def compare(
    teacher: keras.Model,
    students: Mapping[str, keras.Model],
    split: Split,
) -> dict[str, dict[str, float]]:
    """Compares the vectors of students with those of their teacher.

    Args:
        teacher: an encoder, inputs → `[batch, size]`.
        students: encoders with vectors of the same size, by role.
        split: the examples.

    Returns:
        For each role `test_cosine`, the mean over all examples of the cosine of
        student and teacher; and `same_nearest`, the fraction of the first
        `NEIGHBORS` examples whose nearest other one among them, by cosine, is
        the same for both.
    """
    models = {"": teacher, **students}
    predict = tf.function(
        lambda x: {
            role: tf.math.l2_normalize(
                tf.cast(model(x, training=False), tf.float32), -1
            )
            for role, model in models.items()
        },
        input_signature=[split.spec],
        autograph=False,
    )
    totals = dict.fromkeys(students, 0.0)
    kept = {role: [] for role in models}
    for start in range(0, len(split), _BATCH):
        vectors = predict(split.read(start, start + _BATCH))
        vectors = {role: one.numpy() for role, one in vectors.items()}
        for role in students:
            totals[role] += float(np.sum(vectors[role] * vectors[""]))
        if start < NEIGHBORS:
            for role, one in vectors.items():
                kept[role].append(one)
    kept = {k: np.concatenate(v)[:NEIGHBORS] for k, v in kept.items()}
    expected = nearest(kept[""])
    return {
        role: {
            "test_cosine": totals[role] / len(split),
            "same_nearest": float(np.mean(nearest(kept[role]) == expected)),
        }
        for role in students
    }


def nearest(vectors: np.ndarray) -> np.ndarray:
    """Returns the number of each vector's nearest other one, `[vectors]`.

    Args:
        vectors: vectors of length 1, `[vectors, size]`.
    """
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argmax(cosines, axis=-1)
