"""Damaged files: strategies of Hypothesis, and what every reader must do.

LIT_FUZZ_EXAMPLES=3000 in the environment tries more examples.
"""

import os
import pathlib
import tracemalloc

import hypothesis
from hypothesis import strategies

from lit_tf import errors
from lit_tf.utils import memory

# The same examples in every run, so that the suite is deterministic.
EXAMPLES = hypothesis.settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=int(os.environ.get("LIT_FUZZ_EXAMPLES", "100")),
    suppress_health_check=list(hypothesis.HealthCheck),
)
# What importing modules and tracing graphs may need, besides the file.
_ASIDE = 2**24
# Values that are often sizes, counts or signs.
_EDGES = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xff" * 8,
    b"\0\0\0\0\0\0\0\x40",
    b"\n",
    b'"',
    b",",
    b"-1",
    b"9" * 30,
    b"nan",
    b"[" * 60,
]
_LONGEST = 2**16


class Touch:
    """An object that creates a file when it is unpickled."""

    def __init__(self, marker: pathlib.Path):
        self.marker = marker

    def __reduce__(self):
        return pathlib.Path.touch, (self.marker,)


@strategies.composite
def _mutated(draw, seeds):
    """Draws one of some valid files with a few changes."""
    content = draw(strategies.sampled_from(seeds))
    for _ in range(draw(strategies.integers(0, 4))):
        start = draw(strategies.integers(0, len(content)))
        length = draw(strategies.integers(0, 40))
        end = min(start + length, len(content))
        kind = draw(strategies.integers(0, 6))
        if kind == 0:
            content = content[:start]
        elif kind == 1:
            content = content[:start] + content[end:]
        elif kind == 2:
            content = content[:end] + content[start:end] * 3 + content[end:]
        elif kind == 3:
            other = draw(strategies.sampled_from(seeds))
            content = content[:start] + other[start:]
        elif kind == 4 and start < len(content):
            flipped = content[start] ^ 1 << draw(strategies.integers(0, 7))
            content = content[:start] + bytes([flipped]) + content[start + 1 :]
        elif kind == 5:
            edge = draw(strategies.sampled_from(_EDGES))
            content = content[:start] + edge + content[start + len(edge) :]
        else:
            some = draw(strategies.binary(max_size=20))
            content = content[:start] + some + content[start:]
    return content[:_LONGEST]


def contents(*seeds):
    """Returns a strategy: changed valid files, and some that are random."""
    return strategies.one_of(
        _mutated(list(seeds)), _mutated(list(seeds)), strategies.binary()
    )


def check(read, size):
    """Calls a reader: it returns, or says in one sentence what is wrong.

    Args:
        read: the reader, a function without arguments.
        size: the size of the file in bytes.

    Returns:
        The result; None if the file was refused.
    """
    tracemalloc.start()
    try:
        return read()
    except (errors.DataError, errors.SettingsError) as error:
        (line,) = str(error).splitlines()
        assert line.strip().endswith((".", ")")) and len(line) < 1000, line
        assert "Traceback" not in line
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < memory.limit(size) + _ASIDE
