"""Whether the outputs of an exported file are those of its model."""

from collections.abc import Mapping

import numpy as np

from lit_tf import errors
from lit_tf.config.deployment import Deployment

# Of a float32 file, relative to the largest output, or absolute below 1.
_TOLERANCE = 1e-4


def checked(
    how: Deployment,
    expected: Mapping[str, np.ndarray],
    actual: Mapping[str, np.ndarray],
) -> float:
    """Returns the largest difference of an output, if it is allowed.

    Args:
        how: the settings of the export.
        expected: the outputs of the model, by name.
        actual: those of the file.

    Raises:
        DataError: if a float32 file differs by more than rounding, or an
            output is not finite.
    """
    scale, largest = 1.0, 0.0
    for name, wanted in expected.items():
        wanted = wanted.astype(np.float32)
        distance = np.abs(wanted - actual[name].astype(np.float32)).max()
        if not np.isfinite(distance):
            raise errors.DataError(
                f"An output of the {how.name} file is not finite. Nothing was "
                "written."
            )
        scale = max(scale, float(np.abs(wanted).max()))
        largest = max(largest, float(distance))
    in_bytes = all(one.dtype.kind in "ui" for one in expected.values())
    allowed = 1.0 if in_bytes else _TOLERANCE * scale
    if how.quantize == "none" and largest > allowed:
        raise errors.DataError(
            f"The outputs of the {how.name} file differ from those of the "
            f"model by up to {largest:.3g}. Nothing was written."
        )
    return largest


def same_class(
    expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Returns `same_class`, the fraction with the same most probable class."""
    (name,) = expected if len(expected) == 1 else ("probabilities",)
    same = expected[name].argmax(-1) == actual[name].argmax(-1)
    return {"same_class": float(np.mean(same))}
