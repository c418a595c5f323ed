"""Rows: how runs are grouped, named and compared."""

import json
import math

import numpy as np
import pytest

from lit_tf.comparison import rows, runs, significance

KD = {"method": "kd"}


@pytest.fixture
def read_tables(leave, tmp_path):
    """A function: arguments of `leave` for each run → the tables of rows."""

    def make(*given):
        number = len(list(tmp_path.rglob("report.json")))
        for i, settings in enumerate(given, number):
            leave(f"run_{i}", **settings)
        return rows.tables(runs.find([str(tmp_path)])[0])

    return make


@pytest.fixture
def read(read_tables):
    """A function: arguments of `leave` for each run → the only table."""
    return lambda *given: read_tables(*given)[0]


def test_runs_that_differ_in_seed_and_paths_are_one_row(read):
    made = read(
        {"seed": 2, "workdir": "a", "test": 0.90},
        {"seed": 0, "workdir": "b", "teacher_weights": "c", "test": 0.91},
        {"seed": 1, **KD},
    )
    assert [row.name for row in made] == ["lit", "kd"]
    assert [run.seed for run in made[0].runs] == [0, 2]
    last = made[0].of(rows.figure("last", "test"))
    best = made[0].of(rows.figure("best", "test"))
    assert last == [0.91, 0.90] and best == pytest.approx([0.92, 0.91])


def test_an_architecture_that_was_ignored_does_not_divide_a_row(
    leave, tmp_path
):
    # Version 0.1 wrote the name of a student that it did not use.
    for seed, student in enumerate(("resnet20", None)):
        file = leave(f"run_{seed}", seed=seed, compression=2.0) / "report.json"
        report = json.loads(file.read_text())
        report["settings"]["student"] = student
        file.write_text(json.dumps(report))
    ((row,),) = rows.tables(runs.find([str(tmp_path)])[0])
    assert [run.seed for run in row.runs] == [0, 1]


def test_a_row_is_named_by_the_settings_that_differ_from_defaults(read):
    made = read(
        {},
        {"init": "teacher_blocks"},
        {"copy_ends": False, "beta": 0.5},
        {**KD, "lit_epochs": 0, "fine_tune_epochs": 10},
        {**KD, "lit_epochs": 0, "fine_tune_epochs": 11},
    )
    assert {row.name for row in made} == {
        "lit",
        "lit init=teacher_blocks",
        "lit copy_ends=False beta=0.5",
        "kd fine_tune_epochs=10",
        "kd fine_tune_epochs=11",
    }


def test_the_value_that_most_rows_have_is_not_named(read):
    made = read(
        {},
        {"fine_tune_epochs": 11},
        *({"pad": pad} for pad in (2, 3)),
        *({"lit_epochs": epochs} for epochs in (7, 8)),
        {"lit_epochs": 9, "pad": 4},
    )
    assert {row.name for row in made} == {
        "lit",
        "lit fine_tune_epochs=11",
        "lit pad=2",
        "lit pad=3",
        "lit lit_epochs=7",
        "lit lit_epochs=8",
        "lit lit_epochs=9 pad=4",
    }


def test_a_method_has_the_same_name_for_all_students(read):
    made = read({}, {"student": "resnet32"}, {"student": "resnet32", **KD})
    assert [(row.student, row.name) for row in made] == [
        ("resnet20", "lit"),
        ("resnet32", "lit"),
        ("resnet32", "kd"),
    ]


@pytest.mark.parametrize("settings", [{}, {"pad": 2}])
def test_teachers_are_distinguished_by_name_alone(read, settings):
    # What else differs between rows of two teachers is not named.
    made = read({"taught_by": 32, **settings}, {"taught_by": 44})
    names = [row.name for row in made]
    assert names == ["lit teacher=resnet32", "lit teacher=resnet44"]


def test_teachers_of_one_name_are_distinguished_by_accuracy(read):
    given = ({"taught_by": 44, "teacher_test": test} for test in (0.93, 0.94))
    made = read({"taught_by": 32}, *given)
    assert [row.name for row in made[1:]] == [
        f"lit teacher=resnet44 teacher_test_accuracy={accuracy}"
        for accuracy in (0.93, 0.94)
    ]


def test_rows_share_a_table_through_teachers_and_students(read_tables):
    def students(tables):
        return [[row.student for row in table] for table in tables]

    apart = read_tables(
        {"taught_by": 110, "student": "resnet44"},
        {"taught_by": 32, "student": "resnet14"},
        {"taught_by": 56},
        {"taught_by": 56, "data": {"fingerprint": "other"}},
    )
    assert students(apart) == [
        ["resnet44"],
        ["resnet14"],
        ["resnet20"],
        ["resnet20"],
    ]
    # The student of one is the teacher of the other, and a teacher is shared.
    together = read_tables(
        {"taught_by": 44, "student": "resnet32"}, {"taught_by": 44}
    )
    assert students(together) == [
        ["resnet14", "resnet20", "resnet20", "resnet32", "resnet44"],
        ["resnet20"],
    ]


def test_students_of_one_architecture_have_one_latency(read):
    given = (
        {"beta": i / 4, "latency_ms": latency}
        for i, latency in enumerate((1.0, 5.0, 2.0))
    )
    elsewhere = {"hardware": {"processor": "B"}, "latency_ms": 9.0, "beta": 0.9}
    made = read(*given, {"student": "resnet32"}, elsewhere)
    latencies = {row.name: row.latency_ms for row in made}
    assert latencies == {
        "lit": 3.2,
        "lit beta=0.0": 2.0,
        "lit beta=0.25": 2.0,
        "lit beta=0.5": 2.0,
        "lit beta=0.9": 9.0,
    }
    assert not any(row.in_turn for row in made)


def test_fewer_changed_settings_come_before_more(read):
    blocks = {"init": "teacher_blocks"}
    made = read(KD, blocks, *({"lit_epochs": epochs} for epochs in (7, 8)))
    assert [row.name for row in made] == [
        "lit lit_epochs=7",
        "lit lit_epochs=8",
        "lit init=teacher_blocks",
        "kd",
    ]


def test_a_figure_that_no_run_has_is_missing_from_the_row(read):
    (row,) = read({"best": None}, {"best": None, "seed": 1})
    assert row.of(rows.figure("best", "test")) == []
    assert row.of(lambda run: run.score) == [0.9, 0.9]


def test_validation_accuracy_counts_if_the_test_was_not_read(read):
    (row,) = read({"read_test": False, "best": 0.83})
    assert row.of(lambda run: run.score) == [0.83]


def test_costs_are_means_over_seeds(read):
    (row,) = read({"seconds": 100.0}, {"seconds": 200.0, "seed": 1})
    assert row.cost("train_seconds") == 150
    assert row.cost("train_examples") == 450000
    assert row.cost("depth") == 20 and row.cost("latency_ms") == 2.0


def test_spread_is_the_standard_deviation_of_the_sample():
    assert rows.spread([0.5]) == (0.5, 0.0)
    mean, deviation = rows.spread([1.0, 2.0, 4.0])
    assert mean == pytest.approx(7 / 3)
    assert deviation == pytest.approx(math.sqrt(7 / 3))


def three(gaps, **settings):
    base = (0.80, 0.85, 0.81)
    return [
        {"seed": seed, "test": base[seed] + gap, **settings}
        for seed, gap in enumerate(gaps)
    ]


def of_itself(row):
    return {row.kind: row}


def test_a_difference_is_paired_over_the_shared_seeds(read):
    made = read(
        *three((0, 0, 0)), *three((0.01, 0.02, 0.03), **KD), {**KD, "seed": 7}
    )
    (found,) = significance.against(of_itself(made[0]), made)
    assert found.row is made[1] and found.seeds == (0, 1, 2)
    assert found.mean == pytest.approx(0.02) and found.at_equal == "examples"
    # t with two degrees of freedom, 4.303 at 97.5 %; sd .01, n = 3.
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert found.low == pytest.approx(0.02 - half, abs=1e-6)
    assert found.high == pytest.approx(0.02 + half, abs=1e-6)
    t = 0.02 / (0.01 / math.sqrt(3))
    assert found.p == pytest.approx(1 - t / math.sqrt(2 + t**2), rel=1e-4)


def test_p_is_corrected_for_the_number_of_comparisons(read):
    made = read(
        *three((0, 0, 0)),
        *three((0.01, 0.02, 0.03), **KD),
        *three((0.011, 0.021, 0.031), method="hint"),
    )
    found = {
        d.row.method: d for d in significance.against(of_itself(made[0]), made)
    }

    def alone(mean, sd):
        t = mean / (sd / math.sqrt(3))
        return 1 - t / math.sqrt(2 + t**2)

    least, most = alone(0.021, 0.01), alone(0.02, 0.01)
    assert least < most < 2 * least
    # Holm: a larger p must not become smaller than a smaller one.
    for method in ("hint", "kd"):
        assert found[method].p == pytest.approx(2 * least, rel=1e-3)


def test_nothing_is_claimed_with_fewer_than_three_seeds(read):
    made = read(*three((0, 0)), *three((0.01, 0.02), **KD))
    (found,) = significance.against(of_itself(made[0]), made)
    assert np.isnan(found.p) and found.low < found.mean < found.high


def test_other_numbers_of_examples_are_compared_at_equal_flops(read):
    flops = 200 * 450000
    made = read(
        {"flops": flops}, {**KD, "examples": 600000, "flops": 1.009 * flops}
    )
    (found,) = significance.against(of_itself(made[0]), made)
    assert found.row is made[1] and found.at_equal == "FLOPs"


@pytest.mark.parametrize(
    "other",
    [
        {"examples": 100},
        {"examples": 600000, "flops": 1.011 * 200 * 450000},
        {"student": "resnet32"},
    ],
)
def test_rows_that_are_not_comparable_are_left_out(read, other):
    made = read({}, {**KD, **other})
    base = next(row for row in made if row.name == "lit")
    assert significance.against(of_itself(base), made) == []


def test_rows_are_compared_with_the_reference_of_their_student(read):
    deep = {"student": "resnet32"}
    made = read({}, {**KD, "test": 0.8}, deep, {**KD, **deep, "test": 0.7})
    references = {
        key: row for row in made if row.name == "lit" for key in of_itself(row)
    }
    found = significance.against(references, made)
    assert [(d.row.student, d.reference.student) for d in found] == [
        (student, student) for student in ("resnet20", "resnet32")
    ]
    assert [d.mean for d in found] == pytest.approx([-0.1, -0.2])


def test_the_difference_of_equal_runs_is_0_and_its_p_is_1(read):
    made = read(*three((0, 0, 0)), *three((0, 0, 0), **KD))
    (found,) = significance.against(of_itself(made[0]), made)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)
