"""`lit-report` turns run folders into a report."""

import json
import re

import pytest

from lit_tf import errors
from lit_tf.comparison import figures, gather


@pytest.fixture
def reported(leave, tmp_path, monkeypatch):
    """A function: settings of runs, options → the report and its folder.

    Figures, which take most of the time, are drawn with `drawn` alone.
    """

    def make(*given, drawn=False, **how):
        if not drawn:
            monkeypatch.setattr(figures, "draw", lambda *_: {})
        for i, settings in enumerate(given):
            leave(f"run_{i}", **settings)
        output = tmp_path / "report"
        results = gather.gather([str(tmp_path / "runs")], str(output), **how)
        return results, output

    return make


def seeds(*accuracies, **settings):
    return [
        {"seed": seed, "test": test, **settings}
        for seed, test in enumerate(accuracies)
    ]


def test_a_report_has_each_row_and_each_claim(reported, capsys):
    results, output = reported(
        *seeds(0.90, 0.91, 0.92),
        *seeds(0.89, 0.90, 0.911, method="kd"),
        *seeds(0.95, method="hint"),
    )
    text = (output / "report.md").read_text()
    assert text in capsys.readouterr().out
    assert re.search(r"\| lit +\| resnet20 \| 3 +\| 91\.00 ± 1\.00%", text)
    assert re.search(r"\| kd +\| lit .*\| 0, 1, 2 .*\| worse +\|", text)
    assert re.search(r"\| hint +\| lit .*\| 0 .*none: fewer than 3 seeds", text)
    assert "Teacher resnet56: 93.39% on test" in text
    assert results == json.loads((output / "rows.json").read_text())
    rows = {row["name"]: row for row in results["data"][0]["rows"]}
    assert rows["lit"]["accuracies"]["test_last"] == [0.90, 0.91, 0.92]
    assert rows["kd"]["seeds"] == [0, 1, 2]


def test_a_different_budget_is_marked_and_not_compared(reported):
    results, output = reported(
        *seeds(0.90, 0.91, 0.92),
        *seeds(0.80, 0.81, 0.82, method="kd", examples=225000),
    )
    text = (output / "report.md").read_text()
    assert text.count("kd †") == 2
    assert "† Trained on 225,000 examples, 0.50 times those of lit" in text
    assert results["data"][0]["differences"] == []


def test_published_figures_are_marked_as_published(reported):
    _, output = reported(*seeds(0.9))
    text = (output / "report.md").read_text()
    assert "LIT, published" in text and "93.25%" in text
    assert "These are test accuracies of the authors' workshop paper" in text


def test_the_html_page_needs_no_other_file(reported):
    _, output = reported(
        *seeds(0.9, 0.91), *seeds(0.8, method="kd"), drawn=True
    )
    page = (output / "report.html").read_text()
    sources = re.findall(r'src="([^"]{22})', page)
    assert sources and set(sources) == {"data:image/png;base64,"}
    assert "<table>" in page and "<script" not in page and "http" not in page


def test_each_figure_is_drawn_if_the_rows_have_values_for_it(reported):
    settings = seeds(0.9)
    results, output = reported(
        *settings,
        {"beta": 0.5},
        {"student": "resnet32", "method": "kd"},
        drawn=True,
    )
    assert {path.name for path in output.glob("*.png")} == {
        *("budgets.png", "costs.png", "penalties.png", "sensitivity.png"),
    }


def test_no_figure_is_drawn_for_one_row_without_penalties(reported):
    _, output = reported(
        {"method": "kd", "section_input": "student"}, drawn=True
    )
    assert not list(output.glob("*.png"))


def test_validation_accuracy_is_shown_if_the_test_was_not_read(reported):
    _, output = reported(*seeds(0.9, 0.9, 0.9, read_test=False, best=0.83))
    text = (output / "report.md").read_text()
    assert "did not read the test split" in text
    assert "83.00 ± 0.00%" in text and "90.00" not in text


def test_validation_is_not_compared_with_test(reported):
    results, _ = reported(
        *seeds(0.9, 0.9, 0.9, read_test=False, best=0.93),
        *seeds(0.9, 0.9, 0.9, method="kd"),
        *seeds(0.8, 0.8, 0.8, read_test=False, best=0.91, method="hint"),
    )
    names = [[row["name"] for row in one["rows"]] for one in results["data"]]
    assert names == [["lit", "hint"], ["kd"]]
    (difference,) = results["data"][0]["differences"]
    assert difference["mean"] == pytest.approx(-0.02)


def test_mixed_data_sets_get_a_table_each_and_a_warning(reported):
    other = {"data": {"name": "cifar100", "fingerprint": "other"}, "beta": 0.5}
    results, output = reported(*seeds(0.9), {**other}, mixed=True, drawn=True)
    # A row is named by what differs among those of its data.
    assert [one["rows"][0]["name"] for one in results["data"]] == ["lit"] * 2
    text = (output / "report.md").read_text()
    assert "**Mixed.** These runs have different data" in text
    for number, name in enumerate(("cifar10", "cifar100"), 1):
        assert f"## {number}. {name}: students of resnet56\n" in text
    assert len(results["data"]) == 2
    for number in (1, 2):
        assert f"(data_{number}/penalties.png)" in text
        assert (output / f"data_{number}" / "penalties.png").is_file()


def test_runs_that_are_left_out_are_listed(reported, leave):
    (leave("begun") / "report.json").unlink()
    _, output = reported(*seeds(0.9))
    assert "begun: not finished" in (output / "report.md").read_text()


def test_the_name_of_a_folder_is_escaped_on_the_html_page(reported, leave):
    (leave("a & <b>c") / "report.json").unlink()
    _, output = reported(*seeds(0.9))
    page = (output / "report.html").read_text()
    assert "a &amp; &lt;b&gt;c: not finished" in page and "<b>" not in page


def test_runs_of_different_machines_get_a_warning(reported):
    other = {"hardware": {"processor": "B", "cores": 4, "gpus": []}}
    _, output = reported(*seeds(0.9), {"method": "kd", **other})
    text = (output / "report.md").read_text()
    assert "Do not compare times and latencies of different rows" in text


def test_a_report_among_the_runs_is_ignored(reported, tmp_path):
    reported(*seeds(0.9))
    runs = tmp_path / "runs"
    gather.gather([str(runs)], str(runs / "report"))
    results = gather.gather([str(runs)], str(runs / "report"), overwrite=True)
    assert len(results["data"][0]["rows"]) == 1 and not results["left_out"]


def test_the_reference_is_a_row_by_its_name(reported):
    results, _ = reported(*seeds(0.9), {"method": "kd"}, reference="kd")
    assert results["data"][0]["references"] == {"resnet20": "kd"}


def test_each_student_has_a_reference(reported):
    deep = {"student": "resnet32"}
    results, output = reported(
        {"method": "kd"}, deep, {**deep, "method": "hint", "test": 0.8}
    )
    assert results["data"][0]["references"] == {
        "resnet20": "kd",
        "resnet32": "lit",
    }
    (found,) = results["data"][0]["differences"]
    assert found["reference"] == "lit" and found["student"] == "resnet32"
    text = (output / "report.md").read_text()
    assert re.search(r"hint +\| lit +\| resnet32 \| 0 ", text)


def test_the_row_with_the_most_seeds_is_the_reference(reported):
    results, _ = reported({"beta": 0.5}, *seeds(0.9, 0.9, beta=0.6))
    assert results["data"][0]["references"] == {"resnet20": "lit beta=0.6"}


def test_an_unknown_reference_is_refused_with_the_known_rows(
    reported, tmp_path
):
    with pytest.raises(errors.SettingsError, match="Unknown row 'kdd'"):
        reported(*seeds(0.9), {"method": "kd"}, reference="kdd")
    assert not (tmp_path / "report").exists()


def test_a_reference_may_be_a_row_of_one_data_set(reported):
    other = {"data": {"name": "cifar100", "fingerprint": "other"}}
    results, _ = reported(
        *seeds(0.9), {"method": "kd"}, other, mixed=True, reference="kd"
    )
    found = [one["references"] for one in results["data"]]
    assert found == [{"resnet20": "kd"}, {"resnet20": "lit"}]


def test_rows_of_different_teachers_get_a_note(reported, leave):
    file = leave("other_teacher", beta=0.5) / "report.json"
    results = json.loads(file.read_text())
    results["teacher"]["model"] = "resnet32"
    file.write_text(json.dumps(results))
    _, output = reported(*seeds(0.9))
    text = (output / "report.md").read_text()
    assert "Rows of different teachers may also differ" in text


def test_a_report_is_replaced_only_on_request(reported, tmp_path):
    _, output = reported(*seeds(0.9))
    with pytest.raises(
        errors.DataError, match="Pass --overwrite to replace it"
    ):
        reported()
    reported(overwrite=True)
    (output / "report.json").touch()  # The folder of a run has one.
    with pytest.raises(errors.DataError, match="other files than a report"):
        reported(overwrite=True)
    (output / "report.json").unlink()
    (output / "report.html").unlink()
    with pytest.raises(errors.DataError, match="other files than a report"):
        reported(overwrite=True)


def test_a_call_without_folders_shows_an_example(tmp_path):
    with pytest.raises(errors.SettingsError, match="lit-report runs/"):
        gather.gather([], str(tmp_path / "report"))


def test_rows_are_compared_with_the_row_of_their_start(reported):
    blocks = {"init": "teacher_blocks"}
    results, output = reported(
        *seeds(0.90, 0.91, 0.92),
        *seeds(0.89, 0.90, 0.911, method="kd"),
        *seeds(0.95, 0.96, 0.97, **blocks),
        *seeds(0.96, 0.97, 0.98, method="kd", **blocks),
    )
    pairs = {
        (one["row"], one["reference"])
        for one in results["data"][0]["differences"]
    }
    assert pairs == {
        ("kd", "lit"),
        ("kd init=teacher_blocks", "lit init=teacher_blocks"),
    }


def test_rows_are_sorted_by_accuracy_and_empty_columns_are_left_out(reported):
    results, output = reported(
        *seeds(0.90, best=None),
        *seeds(0.93, method="kd", best=None),
        *seeds(0.91, method="hint", best=None),
        drawn=True,
    )
    names = [row["name"] for row in results["data"][0]["rows"]]
    assert names == ["kd", "hint", "lit"]
    text = (output / "report.md").read_text()
    assert text.index("| kd ") < text.index("| hint ") < text.index("| lit ")
    assert "test, last" in text and "validation, best" not in text
    assert text.index("budgets.png") < text.index("| method")
    assert text.index("| method") < text.index("penalties.png")


def test_latencies_are_measured_in_turn_if_all_students_are_there(
    reported, leave
):
    def measured(folders):
        return {folder: 0.25 * (1 + i) for i, folder in enumerate(folders)}

    deep = seeds(0.8, method="kd", student="resnet32")
    given = (*seeds(0.9, 0.9), *seeds(0.8, method="kd"), *deep)
    results, output = reported(*given, latencies=measured)
    assert "compare architectures with care" in (
        (output / "report.md").read_text()
    )
    for i in range(4):
        (output.parent / "runs" / f"run_{i}" / "saved_model").mkdir()
    results = gather.gather(
        [str(output.parent / "runs")],
        str(output),
        overwrite=True,
        latencies=measured,
    )
    found = [
        (row["student"], row["name"], row["latency_ms"])
        for row in results["data"][0]["rows"]
    ]
    # One architecture has the median of both of its rows.
    assert found == [
        ("resnet20", "lit", 0.375),
        ("resnet20", "kd", 0.375),
        ("resnet32", "kd", 0.75),
    ]
    text = (output / "report.md").read_text()
    assert "measured in turn for this report" in text and "0.75 ms" in text


def test_a_report_that_replaces_another_leaves_none_of_its_figures(
    reported, leave
):
    other = {"data": {"name": "cifar100", "fingerprint": "other"}}
    results, output = reported(*seeds(0.9), other, mixed=True, drawn=True)
    assert results["data"][0]["teachers"] == ["resnet56"]
    runs = str(output.parent / "runs" / "run_0")
    gather.gather([runs], str(output), overwrite=True)
    assert {file.name for file in output.iterdir()} == {
        "penalties.png",
        "report.html",
        "report.md",
        "rows.json",
    }
    (output / "costs.png").write_text("of an earlier version")
    (output / "data_1").mkdir()
    (output / "data_1" / "note.txt").write_text("a user's own")
    gather.gather([runs], str(output), overwrite=True)
    assert not (output / "costs.png").exists()
    assert (output / "data_1" / "note.txt").is_file()


def test_a_heading_names_all_teachers(reported):
    given = ({"taught_by": depth} for depth in (56, 110, 44))
    _, output = reported(*given)
    assert "students of resnet110, resnet44 and resnet56\n" in (
        (output / "report.md").read_text()
    )
