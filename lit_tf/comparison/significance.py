"""Significance of differences in accuracy or cosine, paired over seeds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from lit_tf.comparison import rows

SEEDS = 3  # Nothing is claimed with fewer.
_TOLERANCE = 0.01  # Relative difference of FLOPs that count as equal.


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """Difference between a row and its student's reference.

    Args:
        row: the row.
        reference: the row that it is compared with.
        seeds: the seeds that both rows have.
        mean: the mean of row − reference, a fraction.
        low: the lower end of the 95 % confidence interval; NaN with one seed.
        high: the upper end; NaN with one seed.
        p: the p-value of the paired t-test after Holm's correction; NaN with
            fewer than `SEEDS` seeds.
        at_equal: "examples", or "FLOPs" if the examples differ.
    """

    row: rows.Row
    reference: rows.Row
    seeds: tuple[int, ...]
    mean: float
    low: float
    high: float
    p: float
    at_equal: str


def against(
    references: Mapping[tuple[Any, ...], rows.Row], others: Sequence[rows.Row]
) -> list[Difference]:
    """Compares rows with the reference of their student, at an equal budget.

    A budget is equal in training examples or, if they differ, in FLOPs.

    Args:
        references: the reference of each `Row.kind`.
        others: the rows of one table. A row is left out if its student has no
            reference of the same start, or if its budget is not equal to the
            reference's, or if they share no seed.

    Returns:
        The differences; p is corrected for the number of tests (Holm, 1979).
    """
    found = []
    for row in others:
        reference = references.get(row.kind)
        if reference is None or row is reference:
            continue
        base, compared = (
            {run.seed: run.score for run in one.runs}
            for one in (reference, row)
        )
        shared = tuple(sorted(compared.keys() & base.keys()))
        at_equal = _equal(row, reference)
        if at_equal and shared:
            gaps = [compared[seed] - base[seed] for seed in shared]
            found.append(_difference(row, reference, shared, gaps, at_equal))
    return _holm(found)


def _equal(row, reference):
    """Returns in what two budgets are equal; "" if in nothing."""
    if row.examples == reference.examples:
        return "examples"
    flops, base = (one.cost("train_flops") for one in (row, reference))
    return "FLOPs" if abs(flops - base) <= _TOLERANCE * base else ""


def _difference(row, reference, seeds, gaps, at_equal):
    mean, low, high, p = float(np.mean(gaps)), math.nan, math.nan, math.nan
    if len(gaps) > 1:
        tested = stats.ttest_1samp(gaps, 0.0)
        if np.ptp(gaps) > 0:
            low, high = map(float, tested.confidence_interval(0.95))
            p = float(tested.pvalue)
        else:  # The test would divide by 0.
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
        at_equal=at_equal,
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
