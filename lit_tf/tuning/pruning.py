"""The median rule: which trials of a search are stopped early."""

import statistics
from collections.abc import Sequence

from lit_tf.tuning import trials

# Finished trials that the rule needs before it stops any trial.
MIN_FINISHED = 2


def should_stop(
    epochs: Sequence[trials.Epoch],
    finished: Sequence[Sequence[trials.Epoch]],
    *,
    patience: int,
) -> bool:
    """Returns whether a trial is stopped after its latest epoch.

    It is stopped when its best validation accuracy so far is below the median
    of the finished trials' scores at the same epoch of the same phase.
    This is the rule of Optuna's `MedianPruner`.

    Args:
        epochs: the epochs of the trial so far, at least one.
        finished: the epochs of each finished trial of the stage.
        patience: the number of epochs before which no trial is stopped.
    """
    # Phases have the same length in all trials of a stage, so that the nth
    # epoch of one is the nth epoch of every other.
    count = len(epochs)
    if len(finished) < MIN_FINISHED or count < patience:
        return False
    others = [one[count - 1].accuracy for one in finished if len(one) >= count]
    if not others:
        return False
    best = max(one.accuracy for one in epochs)
    return best < statistics.median(others)
