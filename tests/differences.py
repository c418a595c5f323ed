"""Differences of exact tests: the fixture `close`, and `--differences=FILE`."""

import json
import pathlib

import numpy as np
import pytest

DIFFERENCES = pytest.StashKey[dict]()


def pytest_addoption(parser):
    parser.addoption(
        "--differences",
        metavar="FILE",
        help="write the largest difference of each exact test to FILE, as JSON",
    )


def pytest_configure(config):
    config.stash[DIFFERENCES] = {}


def pytest_sessionfinish(session):
    differences = session.config.stash[DIFFERENCES]
    file = session.config.getoption("differences")
    if hasattr(session.config, "workeroutput"):  # One of several processes.
        session.config.workeroutput["differences"] = differences
    elif file:
        text = json.dumps(dict(sorted(differences.items())), indent=2)
        pathlib.Path(file).write_text(text + "\n")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    differences = getattr(node, "workeroutput", {}).get("differences", {})
    node.config.stash[DIFFERENCES].update(differences)


@pytest.fixture
def close(request):
    """A function: asserts that arrays agree and records their difference.

    The difference is the largest absolute difference of two elements. If
    `relative`, it is the largest ratio, over the arrays, of the norm of the
    difference to the norm of the desired array.
    """
    differences = request.config.stash[DIFFERENCES]
    name = request.node.nodeid.partition("[")[0]

    def check(actual, desired, bound, *, relative=False):
        if not isinstance(desired, list | tuple):
            actual, desired = [actual], [desired]
        difference = 0.0
        for one, other in zip(actual, desired, strict=True):
            one, other = np.asarray(one, float), np.asarray(other, float)
            assert one.shape == other.shape
            gap = one - other
            if relative:
                size = np.linalg.norm(gap) / (np.linalg.norm(other) or 1.0)
            else:
                size = np.max(np.abs(gap), initial=0.0)
            assert np.isfinite(size)
            difference = max(difference, float(size))
        largest = differences.get(name, {"difference": 0.0})
        if difference >= largest["difference"]:
            differences[name] = {"difference": difference, "bound": bound}
        assert difference <= bound

    return check
