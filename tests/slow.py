"""Marks parameters of a test as slow."""

import pytest


def all_but(kept, values):
    """Marks all values of a parameter as `slow`, except some.

    Args:
        kept: list of the values that the default run tests.
        values: iterable of values; a tuple has the values of several
            parameters.

    Returns:
        A list for `pytest.mark.parametrize`.

    Raises:
        ValueError: if one that is kept is not among the values.
    """
    values = list(values)
    if missing := [value for value in kept if value not in values]:
        raise ValueError(f"{missing} is not among {values}.")
    return [
        pytest.param(
            *(value if isinstance(value, tuple) else (value,)),
            marks=[] if value in kept else [pytest.mark.slow],
        )
        for value in values
    ]
