"""Network slimming (Liu et al., 2017): sparse BatchNorm scales, then pruning.

`Slim` trains a model with an L1 penalty on the scales γ of its BatchNorms.
`channel_pruning` removes the channels whose |γ| is smallest afterwards.
"""

from typing import Any

import tensorflow as tf

from lit_tf.methods.channel_pruning import prunable_norms
from lit_tf.methods.trainer import Trainer
from lit_tf.outputs import Classes, Outputs
from lit_tf.sections.sectioned_model import SectionedModel


class Slim(Trainer):
    """Trains a model on labels, with an L1 penalty on its BatchNorm scales.

    The metrics are `hard`, `sparse` (Σ|γ| over all prunable channels) and
    `total` = hard + sparsity · sparse.

    Args:
        student: the model to train and later prune.
        sparsity: λ ≥ 0, the weight of Σ|γ|.
        outputs: the kind of its output, with the loss; `Classes()` when None.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if no channel of the model can be pruned.
    """

    def __init__(
        self,
        student: SectionedModel,
        *,
        sparsity: float,
        outputs: Outputs | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            student,
            ("hard", "sparse", "total"),
            outputs=outputs or Classes(),
            **kwargs,
        )
        self.sparsity = sparsity
        # Set past Keras, which would track the variables a second time.
        object.__setattr__(
            self, "_scales", [p.norm.gamma for p in prunable_norms(student)]
        )

    def terms(self, x, y, *, training):
        logits = self.student(x, training=training)
        hard = self.outputs.hard(y, logits)
        scales = [tf.reduce_sum(tf.abs(scale)) for scale in self._scales]
        sparse = tf.fill(tf.shape(hard), tf.add_n(scales))
        total = hard + self.sparsity * sparse
        return {"hard": hard, "sparse": sparse, "total": total}, logits
