"""Outputs of generators."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import penalties
from lit_tf.outputs.kind import Outputs, Terms


class Images(Outputs):
    """Images, which have neither labels nor logits.

    L_KD is the mean absolute difference of the two models' images. The paper
    does not minimise it (β = 0 for a generator). It is reported as `kd`, to
    show what matching representations alone achieves.

    Args:
        scored: whether a run chooses the student whose images of the validation
            split are closest to the teacher's; otherwise it keeps the last.
            Default: True.
    """

    names = ("kd",)

    def __init__(self, *, scored: bool = True):
        self._scored = scored

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` if a model's output is not an image."""
        shape = tuple(model.outputs[at].shape[1:])
        if len(shape) != 3:
            raise errors.SettingsError(
                f"The {role} must return images [height, width, channels]. "
                f"Received: outputs of shape {shape}."
            )

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns no metrics."""
        return []

    def score(self, logs: Mapping[str, float]) -> float | None:
        """Returns 1 − kd on validation; None without it."""
        difference = logs.get("val_kd")
        if difference is None or not self._scored:
            return None
        return 1 - difference

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        """Computes the term "kd", `[batch]` in float32."""
        return {"kd": penalties.l1(self.plain(z_t), self.plain(z_s))}
