"""The Inception score: closed forms, values by hand, errors."""

import numpy as np
import pytest

from lit_tf import errors
from lit_tf.evaluation import inception_score


def score(*batches):
    collected = inception_score.InceptionScore()
    for batch in batches:
        collected.update(np.asarray(batch))
    return collected.value


def test_uniform_predictions_score_one():
    assert score(np.full((6, 8), 1 / 8)) == pytest.approx(1, rel=1e-12)


def test_equal_predictions_score_one():
    assert score([[0.7, 0.2, 0.1]] * 5) == pytest.approx(1, rel=1e-12)
    assert score([[0.0, 1.0, 0.0]] * 5) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_certain_and_balanced_predictions_score_the_number_of_classes(classes):
    predictions = np.tile(np.eye(classes), (3, 1))
    assert score(predictions) == pytest.approx(classes, rel=1e-12)


def test_the_score_equals_the_value_by_hand():
    # p(y) = (½, ½); KL = ¾ log 1½ + ¼ log ½ for both.
    expected = 1.5**0.75 * 0.5**0.25
    assert score([[0.75, 0.25], [0.25, 0.75]]) == pytest.approx(expected)
    # p(y) = (¾, ¼); KL = log 4/3, ½ log 2/3 + ½ log 2.
    expected = np.exp((np.log(4 / 3) + np.log(2 / 3) / 2 + np.log(2) / 2) / 2)
    assert score([[1.0, 0.0], [0.5, 0.5]]) == pytest.approx(expected)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_batch_size_does_not_change_the_score(size):
    predictions = np.random.default_rng(0).dirichlet(np.full(5, 0.3), 60)
    marginal = predictions.mean(0)
    divergence = np.sum(predictions * np.log(predictions / marginal), axis=1)
    parts = (predictions[i : i + size] for i in range(0, 60, size))
    assert score(*parts) == pytest.approx(np.exp(divergence.mean()), rel=1e-12)


def test_a_score_of_no_images_is_refused():
    with pytest.raises(errors.DataError, match="at least 1.*Received: 0"):
        score()


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([0.5, 0.5], r"\[batch, classes\].*\(2,\)"),
        ([[0.5, 0.25, 0.25]], r"same classes.*\(1, 3\)"),
        ([[3.0, -2.0]], "must be ≥ 0"),
        ([[3.0, 2.0]], r"sum to 5 … 5.*softmax"),
        ([[np.nan, 1.0]], "must be ≥ 0"),
    ],
)
def test_invalid_probabilities_are_refused(predictions, message):
    collected = inception_score.InceptionScore()
    collected.update([[0.5, 0.5]])
    with pytest.raises(ValueError, match=message):
        collected.update(predictions)
    assert collected.count == 1
