"""Mean and standard deviation of images, for a model's stem."""

import numpy as np

from lit_tf.data.dataset import Split

_SAMPLE = 2000  # Examples that suffice for an estimate.


def mean_and_std(split: Split) -> dict[str, tuple[float, ...]]:
    """Returns `mean` and `std` of each channel, in raw units.

    They are estimated from about 2,000 to 4,000 evenly spaced examples, or from
    all of a smaller split.

    Args:
        split: images `[examples, height, width, channels]`. For inputs of
            another rank, and for several inputs, the result is empty.
    """
    if len(getattr(split.inputs, "shape", ())) != 4:
        return {}
    step = max(1, len(split) // _SAMPLE)
    sample = np.asarray(
        split.inputs[np.arange(0, len(split), step)], np.float64
    )
    mean, std = (f(sample, axis=(0, 1, 2)) for f in (np.mean, np.std))
    # A constant channel is not scaled.
    std = np.where(std > 0, std, 1.0)
    return {"mean": tuple(map(float, mean)), "std": tuple(map(float, std))}
