"""What generators make."""

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.losses import penalties
from lit_tf.outputs.kind import Outputs, Terms


class Images(Outputs):
    """Images: no labels and no logits, so that L_KD is their mean distance.

    The paper leaves it out (β = 0); reported it shows what comes of matching
    representations alone.
    """

    names = ("kd",)

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        shape = tuple(model.outputs[at].shape[1:])
        if len(shape) != 3:
            raise errors.SettingsError(
                f"The {role} must answer with images. Received: outputs "
                f"{shape}."
            )

    def metrics(self) -> list[keras.metrics.Metric]:
        return []

    def terms(self, y: tf.Tensor, z_t: tf.Tensor, z_s: tf.Tensor) -> Terms:
        return {"kd": penalties.l1(z_t, z_s)}
