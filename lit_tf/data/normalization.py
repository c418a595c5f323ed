"""Normalisations by name or by numbers: what a stem subtracts and divides by.

Published weights say it of pixels divided by 255, as PyTorch's transforms do;
our stems take raw pixels, so that everything here ends in raw units.
"""

from collections.abc import Sequence

from lit_tf import config, data, errors

# name → mean and std of each channel, of pixels divided by 255.
NORMALIZATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def names() -> tuple[str, ...]:
    """Returns the names that `resolve` knows."""
    images = [name for name in data.DATASETS if "mean" in _stem(name)]
    return ("none", *NORMALIZATIONS, *images)


def resolve(text: str, channels: int) -> dict[str, tuple[float, ...]]:
    """Returns the `mean` and `std` of each channel, in raw units.

    Args:
        text: "none" (pixels enter as they are), a name of `NORMALIZATIONS`, a
            data set (its own), or numbers with commas between them: the mean
            of each channel, then the standard deviation of each, of pixels
            divided by 255.
        channels: of the images.

    Raises:
        SettingsError: it is no name and no such numbers, or of another number
            of channels.
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
            f"standard deviations, one a channel. Received: {text!r}, with "
            f"{len(mean)} and {len(std)}."
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
            f"{known} Or a mean, then a standard deviation of each channel, "
            "with commas between them."
        ) from None
    half = len(values) // 2
    mean, std = values[:half], values[half:]
    if not all(0 <= m <= 1 for m in mean) or not all(0 < s <= 1 for s in std):
        raise errors.SettingsError(
            "`normalization` takes means in [0, 1], then standard deviations "
            "in (0, 1], of pixels divided by 255. Received: "
            f"{text!r}."
        )
    return mean, std
