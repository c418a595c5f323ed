"""Check that a model's answers do not depend on padding."""

import keras
import numpy as np

from lit_tf import data, errors
from lit_tf.methods import text_lengths

_EXAMPLES = 8
_TOLERANCE = 1e-3  # Of the largest answer; float rounding is far below it.


def check(model: keras.Model, dataset: data.Dataset) -> None:
    """Checks that a model answers alike with and without padding.

    Args:
        model: the teacher, in float32; it accepts shorter inputs afterwards.
        dataset: texts with buckets.

    Raises:
        SettingsError: if answers differ, or the model takes one length alone.
    """
    buckets, split = dataset.buckets, dataset.train
    _, some = buckets.samples(split, _EXAMPLES)[0]
    whole = split.take(buckets.members[: len(some)])
    text_lengths.accept(model)
    start = (
        f"`length_buckets` pads texts to {buckets.lengths[0]} to "
        f"{buckets.whole} token ids, and {model.name} "
    )
    whole_answers = _answers(model, whole)
    try:
        answers = _answers(model, some)
        difference = np.max(np.abs(answers - whole_answers))
    except Exception as error:  # Layers raise many kinds of errors.
        raise errors.SettingsError(
            f"{start}cannot compute other lengths than {buckets.whole} "
            f"({errors.cause(error)}). Set it to 0."
        ) from error
    if difference > _TOLERANCE * max(1.0, np.max(np.abs(whole_answers))):
        raise errors.SettingsError(
            f"{start}reads padding: its answers then differ by up to "
            f"{difference:.2g}. Set it to 0."
        )


def _answers(model, split):
    """Returns all outputs of a model, as one array of float32."""
    outputs = model(split.read(0, len(split)), training=False)
    flat = [
        np.ravel(keras.ops.convert_to_numpy(one))
        for one in keras.tree.flatten(outputs)
    ]
    return np.concatenate(flat).astype(np.float32)
