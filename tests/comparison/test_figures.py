"""Figures show every row, and no point is cut off."""

import pytest

from lit_tf.comparison import figures, rows, runs

DEEP = {"student": "resnet32", "test": 0.95}


@pytest.fixture
def drawn(leave, tmp_path):
    """A function: a figure's name, settings of runs → its panels."""

    def make(name, *given):
        for i, settings in enumerate(given):
            leave(f"run_{i}", **settings)
        made = rows.of(runs.find([str(tmp_path)])[0])
        _, draw = figures._FIGURES[name]
        return draw(made).axes

    return make


def test_each_student_has_a_panel_of_penalties(drawn):
    panels = drawn("penalties.png", {}, DEEP, {"method": "kd"})
    titles = [axes.get_title() for axes in panels]
    assert titles == ["resnet20, lit", "resnet20, kd", "resnet32, lit"]
    labels = panels[0].get_legend_handles_labels()[1]
    assert labels == ["section 1, student-fed", "section 1, teacher-fed"]


def test_costs_begin_at_0_and_end_beyond_the_largest(drawn):
    panels = drawn("costs.png", {}, {"method": "kd"}, DEEP)
    assert panels[0].get_xlabel() == "depth"
    for axes in panels:
        labels = axes.get_legend_handles_labels()[1]
        assert labels == ["teacher resnet56", "lit", "kd"]
        low, high = axes.get_xlim()
        most = max(x for line in axes.lines for x in line.get_xdata())
        assert low == 0 and 1.05 * most < high < 1.1 * most
