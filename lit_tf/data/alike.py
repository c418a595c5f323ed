"""Splits that must have the same inputs."""

from collections.abc import Iterable

from lit_tf import errors
from lit_tf.data.dataset import Split, named_arrays


def check_alike(splits: Iterable[Split], where: str) -> None:
    """Checks that the splits of a dataset have the same inputs.

    Args:
        splits: the splits.
        where: where they come from, for the message.

    Raises:
        DataError: if the names or the shape of an input differ.
    """
    forms = [
        {name: array.shape[1:] for name, array in named_arrays(split.inputs)}
        for split in splits
    ]
    for name in sorted(set().union(*forms)):
        shapes = [form.get(name) for form in forms]
        if len(set(shapes)) > 1:
            raise errors.DataError(
                f"{name or 'All inputs'} in {where} must have one shape. "
                f"Received: {' and '.join(map(str, shapes))}."
            )
