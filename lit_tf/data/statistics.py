"""What a stem needs to know of images: their mean and spread."""

import numpy as np

from lit_tf.data.dataset import Split

_SOME = 2000  # Examples that tell enough of all.


def of(split: Split) -> dict[str, tuple[float, ...]]:
    """Returns `mean` and `std` of each channel, in raw units.

    Args:
        split: images `[examples, height, width, channels]`; of anything else
            nothing is returned.
    """
    if len(split.inputs.shape) != 4:
        return {}
    step = max(1, len(split) // _SOME)
    some = np.asarray(split.inputs[np.arange(0, len(split), step)], np.float64)
    mean, std = (f(some, axis=(0, 1, 2)) for f in (np.mean, np.std))
    # A channel that is always the same is left as it is.
    std = np.where(std > 0, std, 1.0)
    return {"mean": tuple(map(float, mean)), "std": tuple(map(float, std))}
