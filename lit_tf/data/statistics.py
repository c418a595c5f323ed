"""Mean and standard deviation of images, for a model's stem."""

from typing import Any

import numpy as np

from lit_tf.data.dataset import Split

_SAMPLE = 2000  # Examples that suffice for an estimate.
# Bytes in float64 of a sample that is computed at once, and of a block.
_AT_ONCE = 256 * 2**20
_BLOCK = 32 * 2**20


def mean_and_std(split: Split) -> dict[str, tuple[float, ...]]:
    """Returns `mean` and `std` of each channel, in raw units.

    They are estimated from about 2,000 to 4,000 evenly spaced examples, or from
    all of a smaller split. A sample of more than 256 MiB in float64 is computed
    block by block. Its last bits may differ from those of NumPy's functions,
    which compute a smaller sample, as in earlier versions.

    Args:
        split: images `[examples, height, width, channels]`. For inputs of
            another rank, and for several inputs, the result is empty.
    """
    if len(getattr(split.inputs, "shape", ())) != 4:
        return {}
    places = np.arange(0, len(split), max(1, len(split) // _SAMPLE))
    example = int(np.prod(split.inputs.shape[1:])) * 8  # Bytes in float64.
    if len(places) * example <= _AT_ONCE:
        sample = np.asarray(split.inputs[places], np.float64)
        mean, std = (f(sample, axis=(0, 1, 2)) for f in (np.mean, np.std))
    else:
        mean, std = _by_blocks(split.inputs, places, max(1, _BLOCK // example))
    # A constant channel is not scaled.
    std = np.where(std > 0, std, 1.0)
    return {"mean": tuple(map(float, mean)), "std": tuple(map(float, std))}


def _by_blocks(inputs: Any, places: np.ndarray, size: int):
    """Returns mean and standard deviation of each channel of some images.

    The means and squared deviations of the blocks are merged, as Chan, Golub
    and LeVeque do (1983), because a sum of squares loses digits.
    """
    count, mean, squares = 0, 0.0, 0.0
    for start in range(0, len(places), size):
        block = np.asarray(inputs[places[start : start + size]], np.float64)
        added = block.size // block.shape[-1]
        block_mean = block.mean(axis=(0, 1, 2))
        block -= block_mean
        np.square(block, out=block)
        apart, total = block_mean - mean, count + added
        squares += block.sum(axis=(0, 1, 2))
        squares += apart**2 * (count * added / total)
        mean += apart * (added / total)
        count = total
    return mean, np.sqrt(squares / count)
