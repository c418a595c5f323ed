"""Sizes of the representations of a model, and the penalty that suits them."""

import contextlib

import keras
import numpy as np

from lit_tf.sections import context, samples
from lit_tf.sections.sectioned_model import SectionedModel

_LARGE = 10.0  # Mean square.
_SPREAD = 10.0  # Largest mean square divided by the smallest.


def mean_squares(model: SectionedModel) -> list[float]:
    """Returns the mean square of representations 1 … K for a random example.

    Args:
        model: a model with sections, in inference mode.

    Returns:
        The mean squares; [] if an input size is open, the model cannot compute
        a random example, or a mean square is not finite.
    """
    if any(None in tensor.shape[1:] for tensor in model.inputs):
        return []
    # A user's layer may raise any error, and a number may overflow.
    with contextlib.suppress(Exception), np.errstate(all="ignore"):
        inputs = keras.tree.map_structure(
            lambda batch: batch[:1], samples.sample_inputs(model)
        )
        _, *outputs = context.join(
            [model.stem, *model.sections], model.reads[:-1], inputs
        )
        values = (keras.ops.convert_to_numpy(one) for one in outputs)
        found = [float(np.mean(np.square(v, dtype="float32"))) for v in values]
        if np.isfinite(found).all():
            return found
    return []


def advice(model: SectionedModel) -> str:
    """Recommends a normalized penalty if representations are large or unequal.

    Args:
        model: a model with sections.

    Returns:
        A sentence; "" if plain L2 suits the model, or nothing is known.
    """
    found = mean_squares(model)
    if not found:
        return ""
    least, most = min(found), max(found)
    if most <= _LARGE and most <= _SPREAD * least:
        return ""
    if len(found) > 1:
        numbers = f"from {least:.3g} to {most:.3g}"
    else:
        numbers = f"{most:.3g}"
    return (
        f"On a random example the mean square at the ends of the sections is "
        f'{numbers}. Recommended: penalty="l2_normalized" '
        "(--penalty=l2_normalized)."
    )
