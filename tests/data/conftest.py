"""Each test has a cache folder of its own."""

import pytest


@pytest.fixture(autouse=True)
def encoded_folder(tmp_path_factory, monkeypatch):
    """The folder of decoded images and encoded texts."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache / "lit_tf" / "encoded"
