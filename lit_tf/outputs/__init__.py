"""What a network's output is, and how far a student's is from where it ought.

A trainer asks its outputs object for the terms of L_KD, for what else to report
and whether a model can be trained at all. Adding a kind is a class like those
of `labelled` and a line here.
"""

from lit_tf.outputs.images import Images
from lit_tf.outputs.kind import Outputs, Terms
from lit_tf.outputs.labelled import Classes, Labels, Values
from lit_tf.outputs.several import Several

__all__ = [
    "Classes",
    "Images",
    "Labels",
    "Outputs",
    "Several",
    "Terms",
    "Values",
]
