"""Examples that are set apart for validation, or for a test.

They are the same in every run.
"""

import random

import numpy as np

from lit_tf import errors
from lit_tf.data.dataset import Split

# The published StarGAN code draws its test images in the same way.
_TEST, _SEED = 1999, 1234
# What the user is to know about a drawn test split.
NOTE = (
    "there is no test split, so that a tenth of the training examples is; a "
    "teacher from elsewhere may have been trained on them"
)


def draw(count: int) -> np.ndarray:
    """Draws a tenth of the examples, at most 1,999, as the test split.

    The draw depends on `count` alone. From 20,000 examples on, they are those
    that the published StarGAN code draws from a list of equal length.

    Args:
        count: the number of examples.

    Returns:
        Whether each example is a test example, `[count]`, bool.
    """
    order = list(range(count))
    random.Random(_SEED).shuffle(order)
    test = np.zeros(count, bool)
    test[order[: max(1, min(count // 10, _TEST))]] = True
    return test


def divide(
    train: Split, *, seed: int, **fraction: float
) -> tuple[Split, Split | None]:
    """Sets examples apart for validation.

    Args:
        train: the training examples.
        seed: the seed of the choice.
        **fraction: the fraction for validation, in [0, 1), by the name of its
            setting; 0 for none.

    Returns:
        The examples to train on and those to validate on, each in their order;
        None for the latter if there are none.

    Raises:
        SettingsError: if a split would be empty.
    """
    ((name, share),) = fraction.items()
    count = round(len(train) * share)
    if share and not 0 < count < len(train):
        raise errors.SettingsError(
            f"`{name}` must leave at least one example for training and one "
            f"for validation. Received: {share} of {len(train)} examples."
        )
    if not count:
        return train, None
    order = np.random.default_rng(seed).permutation(len(train))
    return (
        train.take(np.sort(order[count:])),
        train.take(np.sort(order[:count])),
    )
