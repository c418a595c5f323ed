"""The versions of Python and of the packages that compute."""

import contextlib
import importlib.metadata
import platform


def installed() -> dict[str, str]:
    """Returns the versions of Python and of the packages that compute."""
    packages = ("lit_tf", "tensorflow", "keras", "numpy")
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
