"""Figures show every row, and no point is cut off."""

import pytest

from lit_tf.comparison import direct_labels, figures, rows, runs

DEEP = {"student": "resnet32", "test": 0.95}


@pytest.fixture
def drawn(leave, tmp_path):
    """A function: a figure's name, settings of runs → its panels."""

    def make(name, *given):
        for i, settings in enumerate(given):
            leave(f"run_{i}", **settings)
        (made,) = rows.tables(runs.find([str(tmp_path)])[0])
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
        assert labels == ["teacher resnet56", "lit", "kd, resnet20"]
        low, high = axes.get_xlim()
        most = max(x for line in axes.lines for x in line.get_xdata())
        assert low == 0 and 1.05 * most < high < 1.1 * most


def test_at_most_eight_series_have_a_color_and_a_label(drawn):
    penalties = [
        {"beta": i / 10, "test": 0.5 + i / 100, "seed": 0} for i in range(10)
    ]
    axes = drawn("budgets.png", *penalties)[-1]
    labels = [text.get_text().replace("\n", " ") for text in axes.texts]
    named = [text for text in labels if text.startswith("lit")]
    assert len(named) == 7 and "lit beta=0.9" in named
    assert "lit beta=0.0" not in named
    assert "3 others, in the table" in labels
    colors = {text.get_color() for text in axes.texts}
    assert len(colors) == len(axes.texts)


def test_labels_stand_in_the_order_of_their_points_and_do_not_overlap():
    places = direct_labels.spread([9.0, 5.0, 4.9, 4.8, 0.0], [1, 1, 2, 1, 1])
    assert places[0] == 9.0 and places[-1] == 0.0
    tops = [4.9 + 2.0 - 0.5, 4.9 + 2.0 - 2.0, 4.9 + 2.0 - 3.5]
    assert places[1:4] == pytest.approx(tops)


def test_labels_stay_within_the_height_that_they_are_given():
    places = direct_labels.spread([9.0, 8.9, 0.0], [2, 2, 1], between=(0, 9))
    assert places == pytest.approx([8.0, 6.0, 0.5])


@pytest.mark.parametrize(("count", "higher"), [(2, False), (8, True)])
def test_a_figure_becomes_higher_where_labels_need_it(drawn, count, higher):
    rows_ = [
        {
            "beta": i / 10,
            "temperature": 1.0 + i,
            "alpha": i / 10,
            "sparsity": i / 1000,
            "generations": i,
            "test": 0.5 + i / 100,
        }
        for i in range(count)
    ]
    sheet = drawn("budgets.png", *rows_)[-1].get_figure()
    assert bool(sheet.get_figheight() > 4.0) is higher
