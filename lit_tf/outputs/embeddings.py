"""`Embeddings`: vectors without labels, such as those of a sentence encoder."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors
from lit_tf.losses import masks, penalties
from lit_tf.outputs.kind import Outputs, Terms

DISTANCES = ("cosine", "l2")


class Embeddings(Outputs):
    """Vectors that only the teacher knows: training reads no labels.

    The one loss is the distance of the student's output from the teacher's,
    reported as `soft`. Labels, if there are any, are ignored.

    Example:
    ```python
    import keras
    import numpy as np

    import lit_tf

    x = inputs = keras.Input((8,))
    for name in ("one", "two", "three"):
        x = keras.layers.Dense(8, activation="tanh", name=name)(x)
    teacher = lit_tf.split(keras.Model(inputs, x), ["one", "three"])
    student = lit_tf.shrink(teacher, keep=1)
    outputs = lit_tf.outputs.Embeddings()
    trainer = lit_tf.LIT(teacher, student, outputs=outputs)
    trainer.compile("adam")
    trainer.fit(np.random.normal(size=(64, 8)))
    ```

    Args:
        distance: "cosine" (default), 1 − the cosine of the angle between the
            vectors of teacher and student; or "l2", the mean squared
            difference.

    Raises:
        SettingsError: if there is no distance of that name.
    """

    names = ("soft", "kd")
    reads_labels = False

    def __init__(self, *, distance: str = "cosine"):
        config.check_one_of(DISTANCES, distance=distance)
        self.distance = distance

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Checks that a model returns one vector for each example or position.

        Args:
            model: teacher or student.
            role: "teacher" or "student", for the message.
            at: the index of the output to check; default 0.

        Raises:
            SettingsError: if it has several outputs.
        """
        del at
        errors.require(
            len(getattr(model, "outputs", None) or [None]) == 1,
            f"The {role} of an embedding must have one output. Choose it: "
            "keras.Model(model.inputs, model.outputs[0]).",
            model=model.name,
        )

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns no metrics: those of Keras compare outputs with labels."""
        return []

    def score(self, logs: Mapping[str, float]) -> float | None:
        """Returns 1 − soft on validation: the mean cosine, for "cosine"."""
        distance = logs.get("val_soft")
        return None if distance is None else 1 - distance

    def terms(self, y: Any, z_t: Any, z_s: Any) -> Terms:
        """Computes soft and kd, which are equal, `[batch]` in float32.

        Args:
            y: not read.
            z_t: the teacher's vectors, `[batch, ..., size]`.
            z_s: the student's vectors, the same shape.
        """
        del y
        z_t, z_s = self.plain(z_t), self.plain(z_s)
        if self.distance == "l2":
            soft = penalties.l2(z_t, z_s)
        else:
            soft = _cosine(z_t, z_s)
        return {"soft": soft, "kd": soft}


def _cosine(teacher, student):
    mask = masks.of(teacher, student)
    teacher, student = (
        tf.math.l2_normalize(tf.cast(z, tf.float32), -1)
        for z in (teacher, student)
    )
    distance = 1 - tf.reduce_sum(teacher * student, -1)
    if distance.shape.rank == 1:
        return distance
    return masks.mean(distance, mask)
