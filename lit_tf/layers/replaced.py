"""`Replaced`: attributes that are replaced while a step is traced."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterable, Iterator
from typing import Any

_MISSING = object()


@dataclasses.dataclass
class _Original:
    """What an attribute was, and how many contexts replace it."""

    owner: Any
    value: Any
    contexts: int = 0


# Replicas trace a step in threads of their own, and several trainers may share
# a model.
_originals: dict[tuple[int, str], _Original] = {}
_lock = threading.Lock()


class Replaced:
    """Attributes of layers or models that are replaced within a context.

    Outside of the context the objects are as they were. Where contexts of
    several threads replace an attribute, the first decides on its value, and
    the last restores it.

    Args:
        values: (object, name, value) of each attribute. The name may be
            `__class__`: then the object is of another class, with the same
            variables.
    """

    def __init__(self, values: Iterable[tuple[Any, str, Any]]):
        self._values = tuple(values)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Replaces the attributes in the context."""
        # Also if an interruption comes between two of them.
        with contextlib.ExitStack() as stack:
            for owner, name, value in self._values:
                stack.callback(_restore, owner, name)
                _replace(owner, name, value)
            yield


# Past Keras's own `__setattr__`, which would track the values.


def _replace(owner, name, value):
    key = (id(owner), name)
    with _lock:
        if key not in _originals:
            is_class = name == "__class__"
            own = type(owner) if is_class else vars(owner).get(name, _MISSING)
            _originals[key] = _Original(owner, own)
            object.__setattr__(owner, name, value)
        _originals[key].contexts += 1


def _restore(owner, name):
    key = (id(owner), name)
    with _lock:
        original = _originals.get(key)
        if original is None:  # Interrupted before it was replaced.
            return
        original.contexts -= 1
        if original.contexts > 0:
            return
        del _originals[key]
        if original.value is _MISSING:
            vars(owner).pop(name, None)
        else:
            object.__setattr__(owner, name, original.value)
