"""What the tables of results have in common: scores of kept reports."""

import json
import math
import pathlib
import statistics

from scipy import stats

HERE = pathlib.Path(__file__).parent


def scores(folder, pattern):
    """Returns the test scores of the exported students, by seed."""
    found = {}
    for path in (HERE / folder).glob(pattern) if pattern else ():
        file = path / "report.json" if path.is_dir() else path
        report = json.loads(file.read_text())
        # A model from scratch is reported as a teacher.
        student = report.get("student", report["teacher"])
        score = student.get("test_accuracy", student.get("test_cosine"))
        found[report["settings"]["seed"]] = 100 * score
    return found


def gain(ours, theirs):
    """Returns the mean of ours − theirs over the seeds, and its interval."""
    gaps = [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
    if not gaps:
        return None
    if len(gaps) < 3:
        return statistics.mean(gaps), -math.inf, math.inf
    interval = stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    return statistics.mean(gaps), *interval


def words(gain):
    if gain is None:
        return "—"
    mean, low, high = gain
    interval = (
        "(one seed)" if high == math.inf else f"[{low:+.2f}, {high:+.2f}]"
    )
    return f"{mean:+.2f} {interval}".replace("-", "−")


def finals(folder, reference):
    """Prints rows of several seeds, the best first.

    Accuracies are of the exported students, on the test images: mean ± standard
    deviation over the seeds, and the difference from a row, paired, with its
    95 % interval.

    Args:
        folder: the folder of the kept rows, named `ROW_seedN`.
        reference: the name of the row to compare with.
    """
    names = {
        path.name.rpartition("_seed")[0]
        for path in (HERE / folder).glob("*_seed?")
    }
    rows = {name: scores(folder, f"{name}_seed?") for name in names}
    means = {name: statistics.mean(row.values()) for name, row in rows.items()}
    print(f"| row | seeds | accuracy | − `{reference}` |")
    print("|---|---|---|---|")
    for name in sorted(names, key=means.get, reverse=True):
        row = rows[name]
        spread = statistics.stdev(row.values())
        ahead = "" if name == reference else words(gain(row, rows[reference]))
        print(
            f"| `{name}` | {len(row)} | {means[name]:.2f} ± {spread:.2f} % "
            f"| {ahead} |"
        )
