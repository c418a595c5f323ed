"""`call`: runs a function once another package has been imported."""

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable


def call(package: str, function: Callable[[], None]) -> None:
    """Calls a function after the import of a package; now if it is imported.

    Args:
        package: name of a package at the top level, which need not exist.
        function: the function.
    """
    if package in sys.modules:
        function()
    else:
        sys.meta_path.insert(0, _Finder(package, function))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds nothing itself; follows the import of one package."""

    def __init__(self, package, function):
        self._package = package
        self._function = function

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self._package:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                self._function()

            spec.loader.exec_module = exec_module
        return spec
