"""Normalization of images by name or by numbers: mean and standard deviation.

Published weights state them for pixels divided by 255, as PyTorch's transforms
do. The stems of `lit_tf` take raw pixels: results here are in raw units.
"""

from collections.abc import Sequence

from lit_tf import config, data, errors

# Mean and std of each channel, for pixels divided by 255.
NORMALIZATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def names() -> tuple[str, ...]:
    """Returns the names that `resolve` accepts."""
    images = [name for name in data.DATASETS if "mean" in _stem(name)]
    return ("none", *NORMALIZATIONS, *images)


def resolve(text: str, channels: int) -> dict[str, tuple[float, ...]]:
    """Returns the `mean` and `std` of each channel, in raw units.

    Args:
        text: "none" (pixels are unchanged), a name in `NORMALIZATIONS`, the
            name of a dataset (its own normalization), or numbers separated by
            commas: the means of all channels, then their standard deviations,
            for pixels divided by 255.
        channels: number of channels of the images.

    Raises:
        SettingsError: if the text is neither a name nor such numbers, or the
            number of channels differs.
    """
    if text == "none":
        return {"mean": (0.0,) * channels, "std": (1.0,) * channels}
    if text in names() and text in data.DATASETS:
        stem = _stem(text)
        mean, std = stem["mean"], stem["std"]
    else:
        mean, std = NORMALIZATIONS.get(text) or _numbers(text)
        mean, std = _raw(mean), _raw(std)
    if not len(mean) == len(std) == channels:
        raise errors.SettingsError(
            f"`normalization` must give {channels} means and {channels} "
            "standard deviations, one for each channel. Received: "
            f"{text!r}, with {len(mean)} and {len(std)}."
        )
    return {"mean": mean, "std": std}


def _stem(name):
    return data.DATASETS[name].stem(config.Data(dataset=name))


def _raw(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(255.0 * value for value in values)


def _numbers(text):
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        known = errors.unknown("normalization", text, names())
        raise errors.SettingsError(
            f"{known} Or give the mean of each channel, then the standard "
            "deviation of each, separated by commas."
        ) from None
    half = len(values) // 2
    mean, std = values[:half], values[half:]
    if not all(0 <= m <= 1 for m in mean) or not all(0 < s <= 1 for s in std):
        raise errors.SettingsError(
            "`normalization` takes means in [0, 1], then standard deviations "
            f"in (0, 1], for pixels divided by 255. Received: {text!r}."
        )
    return mean, std
