"""`Labelled`: the base of the kinds of output with labels."""

import copy
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from lit_tf import config, errors
from lit_tf.losses import distillation, keras_losses, masks
from lit_tf.outputs.kind import Outputs, Terms


class Labelled(Outputs):
    """Outputs with labels.

    L_KD = α · hard + (1 − α) · τ² · soft (the paper's section 3.2).

    A subclass implements `_hard`, `_soft` and `metrics`.
    """

    names = ("hard", "soft", "kd")
    # Whether the outputs are logits, so that losses are built for logits.
    of_logits = True
    label_smoothing = 0.0

    def __init__(
        self,
        *,
        alpha: float = config.Loss.alpha,
        temperature: float = config.Loss.temperature,
        loss: Any = None,
    ):
        config.check_loss(alpha, temperature, beta=1.0)
        self.alpha = alpha
        self.temperature = temperature
        self.loss = None if loss is None else self._own(loss)

    def with_losses(
        self, loss: Any = None, loss_weights: Any = None
    ) -> "Outputs":
        """Returns a copy with another hard loss.

        Args:
            loss: a Keras loss or its name, a function of (labels, outputs). A
                name stands for the loss of logits, if the outputs are logits.
            loss_weights: must be None, because there is one output.

        Raises:
            SettingsError: if `loss_weights` is not None, or the loss reads
                probabilities although the outputs are logits.
        """
        errors.require(
            loss_weights is None,
            "`loss_weights` are for models with several outputs "
            "(`outputs.Several`).",
            loss_weights=loss_weights,
        )
        other = copy.copy(self)
        other.loss = self._own(loss)
        return other

    def smoothed(self, share: float) -> "Outputs":
        """Returns a copy whose hard loss smooths labels."""
        if not self.of_logits:
            return super().smoothed(share)
        errors.require(
            not (share and self.loss),
            "`label_smoothing` is for cross-entropy. Let a loss of your own "
            "smooth the labels, such as keras.losses.CategoricalCrossentropy("
            "from_logits=True, label_smoothing=0.1).",
            label_smoothing=share,
        )
        other = copy.copy(self)
        other.label_smoothing = share
        return other

    def hard(self, y: Any, z: Any) -> tf.Tensor:
        """Computes the hard loss, `[batch]` in float32."""
        y, z = self.plain(y), self.plain(z)
        return (self.loss or self._hard)(y, z, self._mask(y, z))

    def terms(self, y: Any, z_t: Any, z_s: Any) -> Terms:
        """Computes hard, soft and kd, each `[batch]` in float32."""
        y, z_t, z_s = map(self.plain, (y, z_t, z_s))
        hard = self.hard(y, z_s)
        soft = self._soft(z_t, z_s, self._mask(y, z_s))
        kd = distillation.kd(
            hard, soft, alpha=self.alpha, temperature=self.temperature
        )
        return {"hard": hard, "soft": soft, "kd": kd}

    def _hard(self, y, z, mask):
        """Computes the hard loss of this kind, `[batch]`."""
        raise NotImplementedError

    def _soft(self, z_t, z_s, mask):
        """Computes the soft loss of this kind, `[batch]`."""
        raise NotImplementedError

    def _mask(self, y, z):
        """Returns what counts, `[batch]` or `[batch, positions]`, or None."""
        del y
        mask = masks.of(z)
        fits = mask is not None and mask.shape.rank < z.shape.rank
        return mask if fits else None

    def _own(self, loss):
        """Returns the loss that a user passed, of the single output."""
        if isinstance(loss, list | tuple) and len(loss) == 1:
            (loss,) = loss
        if isinstance(loss, Mapping) and "class_name" not in loss:
            (loss,) = loss.values() if len(loss) == 1 else (loss,)
        return keras_losses.ExampleLoss(loss, of_logits=self.of_logits)
