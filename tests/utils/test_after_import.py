"""A function runs once another package has been imported."""

import importlib
import sys

import pytest

from lit_tf.utils import after_import


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that was not imported; it defines `ready`."""
    (tmp_path / "some_package.py").write_text("ready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield "some_package"
    sys.modules.pop("some_package", None)


def test_the_function_runs_once_after_the_import(package):
    seen = []
    after_import.call(package, lambda: seen.append(sys.modules[package].ready))
    finders = len(sys.meta_path)
    assert seen == []
    importlib.import_module(package)
    importlib.import_module(package)
    assert seen == [True]
    assert len(sys.meta_path) == finders - 1


def test_the_function_runs_now_if_the_package_is_imported(package):
    importlib.import_module(package)
    seen = []
    after_import.call(package, lambda: seen.append(1))
    assert seen == [1]


def test_a_package_that_is_missing_stays_missing(package):
    after_import.call("no_such_package", pytest.fail)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        importlib.import_module("no_such_package")
