"""Quick calls of `lit_tf.compress`."""

import eager
import numpy as np
import pytest
from own_models import CLASSES, INPUTS, classifier, compress

from lit_tf.one_call import report


@pytest.fixture(scope="module")
def quick():
    """Steps run eagerly, and latencies are measured twice."""
    with eager.steps(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_LATENCY_RUNS", 2)
        yield


@pytest.fixture(scope="module")
def compiled(quick):
    """The result for a classifier that was compiled."""
    model = classifier(
        loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    before = [value.copy() for value in model.get_weights()]
    result = compress(model, (INPUTS, CLASSES))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)  # The teacher is unchanged.
    return result
