"""Is one way of training better than another? Paired over the seeds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from lit_tf.comparison import rows

SEEDS = 3  # With fewer nothing is claimed.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """A row less its student's reference, in accuracy.

    Args:
        row: that is compared.
        reference: with which it is.
        seeds: those that both have.
        mean: row − reference.
        low: of the 95 % interval; NaN with one seed.
        high: likewise.
        p: of the paired t-test, after Holm's correction; NaN where nothing
            is claimed.
    """

    row: rows.Row
    reference: rows.Row
    seeds: tuple[int, ...]
    mean: float
    low: float
    high: float
    p: float


def against(
    references: Mapping[str, rows.Row], others: Sequence[rows.Row]
) -> list[Difference]:
    """Compares rows with the reference of their student, at the same budget.

    Args:
        references: a row by student.
        others: rows; those whose student has no reference, those of another
            budget or of other data than it, and those that share no seed with
            it, are left out.

    Returns:
        The differences; p is corrected for as many as are tested (Holm, 1979).
    """
    found = []
    for row in others:
        reference = references.get(row.student)
        if reference is None or row is reference:
            continue
        base, ours = (
            {run.seed: run.accuracy for run in one.runs}
            for one in (reference, row)
        )
        shared = tuple(sorted(ours.keys() & base.keys()))
        alike = all(
            getattr(row, name) == getattr(reference, name)
            for name in ("examples", "dataset")
        )
        if alike and shared:
            gaps = [ours[seed] - base[seed] for seed in shared]
            found.append(_difference(row, reference, shared, gaps))
    return _holm(found)


def _difference(row, reference, seeds, gaps):
    mean, low, high, p = float(np.mean(gaps)), math.nan, math.nan, math.nan
    if len(gaps) > 1:
        tested = stats.ttest_1samp(gaps, 0.0)
        if np.ptp(gaps) > 0:
            low, high = map(float, tested.confidence_interval(0.95))
            p = float(tested.pvalue)
        else:  # The test divides by their spread.
            low, high, p = mean, mean, float(mean == 0)
    if len(gaps) < SEEDS:
        p = math.nan
    return Difference(
        row=row,
        reference=reference,
        seeds=seeds,
        mean=mean,
        low=low,
        high=high,
        p=p,
    )


def _holm(found):
    tested = sorted(
        (d for d in found if not math.isnan(d.p)), key=lambda d: d.p
    )
    corrected, least = {}, 0.0
    for i, difference in enumerate(tested):
        least = max(least, min(1.0, (len(tested) - i) * difference.p))
        corrected[id(difference)] = least
    return [
        dataclasses.replace(d, p=corrected.get(id(d), math.nan)) for d in found
    ]
