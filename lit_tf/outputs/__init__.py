"""Kinds of model output, with their losses and metrics.

An outputs object computes the terms of L_KD (the paper's section 3.2), creates
the metrics to report and checks that a model returns outputs of its kind. A new
kind is a class like `Labels` and a line here.
"""

from lit_tf.outputs.classes import Classes
from lit_tf.outputs.embeddings import Embeddings
from lit_tf.outputs.images import Images
from lit_tf.outputs.kind import Outputs, Terms
from lit_tf.outputs.labels import Labels
from lit_tf.outputs.several import Several
from lit_tf.outputs.values import Values

__all__ = [
    "Classes",
    "Embeddings",
    "Images",
    "Labels",
    "Outputs",
    "Several",
    "Terms",
    "Values",
]
