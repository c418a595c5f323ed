"""A search tries temperature, then alpha, then beta, and chooses one each."""

import json
import pathlib
import re

import pytest

from lit_tf import config, errors
from lit_tf.tuning import search

SCORES = {
    "temperature=6/seed=0": 0.9,
    "alpha=0.1/seed=0": 0.8,
    "beta=0.5/seed=0": 0.7,
}


def chosen(decided):
    return {stage.name: stage.chosen for stage in decided}


def test_temperature_comes_first_then_alpha_with_it_then_beta(wanted, played):
    run = played(SCORES)
    decided = search.tune(wanted(), run)
    tried = [
        (
            one.settings.student,
            one.settings.loss.temperature,
            one.settings.loss.alpha,
            one.settings.loss.beta,
        )
        for one in run.ran
    ]
    assert tried == [
        ("resnet8", 2.0, 0.95, 0.75),
        ("resnet8", 6.0, 0.95, 0.75),
        ("resnet20", 6.0, 0.1, 0.75),
        ("resnet20", 6.0, 0.9, 0.75),
        ("resnet20", 6.0, 0.1, 0.25),
        ("resnet20", 6.0, 0.1, 0.5),
    ]
    assert chosen(decided) == {"temperature": 6.0, "alpha": 0.1, "beta": 0.5}


def test_trials_share_the_other_settings_and_do_not_read_the_test_split(
    wanted, played
):
    run = played({})
    wished = wanted(seeds=(3, 4), min_teacher_accuracy=0.25)
    search.tune(wished, run)
    place = pathlib.Path(wished.session.workdir)
    for one in run.ran:
        assert one.settings.min_teacher_accuracy == 0.25
        assert one.settings.teacher_weights == "teacher.keras"
        assert not one.settings.read_test
        assert one.folder == place / one.name
        assert "--noread_test" in one.command()
    assert {one.settings.compute.seed for one in run.ran} == {3, 4}
    assert len({one.folder for one in run.ran}) == 12


def test_seeds_are_averaged(wanted, played):
    scores = dict(
        zip(
            [f"temperature={t}/seed={s}" for t in (2, 6) for s in (0, 1)],
            (0.8, 0.9, 1.0, 0.5),
            strict=True,
        )
    )
    wished = wanted(seeds=(0, 1))
    decided = search.tune(wished, played(scores))
    assert decided[0].chosen == 2.0
    file = pathlib.Path(wished.session.workdir, "tune.json")
    results = json.loads(file.read_text())["stages"][0]["values"][0]
    assert results["mean"] == pytest.approx(0.85)
    assert results["sd"] == pytest.approx(0.05 * 2**0.5)


@pytest.mark.parametrize("rounding", [0.0, 3e-8])
@pytest.mark.parametrize("order", [(2.0, 6.0), (6.0, 2.0)])
def test_among_equal_means_the_first_value_is_chosen(
    order, rounding, wanted, played
):
    scores = {f"temperature={order[1]:g}/seed=0": 0.5 + rounding}
    decided = search.tune(wanted(temperatures=order), played(scores))
    assert decided[0].chosen == order[0]


def test_a_value_that_lacks_a_seed_is_not_chosen(wanted, played):
    scores = {"alpha=0.1/seed=0": 0.9, "alpha=0.1/seed=1": "failed: it broke"}
    decided = search.tune(wanted(seeds=(0, 1)), played(scores))
    assert chosen(decided)["alpha"] == 0.9
    assert len(decided) == 3
    assert decided[1].values[0].tried[1].note == "failed: it broke"


def test_a_stage_without_a_finished_trial_ends_the_search(wanted, played):
    broken = dict.fromkeys(
        ("alpha=0.1/seed=0", "alpha=0.9/seed=0"), "failed: no room."
    )
    with pytest.raises(errors.DataError) as caught:
        search.tune(wanted(), played(broken))
    assert "No alpha can be chosen" in str(caught.value)
    assert "alpha=0.1/seed=0: failed: no room." in str(caught.value)
    again = played({})
    assert len(search.tune(wanted(), again)) == 3
    assert [one.stage for one in again.ran] == ["alpha"] * 2 + ["beta"] * 2


def test_an_interrupted_search_resumes_where_it_stopped(wanted, played):
    first = played(SCORES)

    def interrupted(plan):
        if plan[0].stage == "alpha":
            first(plan[:1])
            raise KeyboardInterrupt
        return first(plan)

    with pytest.raises(KeyboardInterrupt):
        search.tune(wanted(), interrupted)
    again = played(SCORES)
    decided = search.tune(wanted(), again)
    names = [one.name for one in (*first.ran, *again.ran)]
    assert len(set(names)) == len(names) == 6
    assert chosen(decided) == {"temperature": 6.0, "alpha": 0.1, "beta": 0.5}
    third = played({})
    assert search.tune(wanted(), third) == decided
    assert not third.ran


def test_a_chosen_value_is_not_chosen_again(wanted, played):
    def two_stages(plan):
        return None if plan[0].stage == "beta" else played(SCORES)(plan)

    assert len(search.tune(wanted(), two_stages)) == 2
    place = pathlib.Path(wanted().session.workdir)
    file = place / "temperature=2" / "seed=0" / "report.json"
    file.write_text(file.read_text().replace("0.5", "0.99"))
    decided = search.tune(wanted(), played(SCORES))
    assert chosen(decided)["temperature"] == 6.0


def test_a_trial_that_an_earlier_stage_ran_is_not_run_again(wanted, played):
    run = played(SCORES | {"beta=0.25/seed=0": 0.1})
    decided = search.tune(wanted(betas=(0.25, 0.75)), run)
    assert [one.name for one in run.ran][4:] == ["beta=0.25/seed=0"]
    scores = [value.mean for value in decided[2].values]
    assert scores == [0.1, 0.8]
    assert decided[2].chosen == 0.75


def test_trials_of_the_small_student_do_not_count_for_the_student(
    wanted, played
):
    run = played({})
    search.tune(wanted(alphas=(0.95,), betas=(0.25,)), run)
    assert [one.name for one in run.ran][2:] == [
        "alpha=0.95/seed=0",
        "beta=0.25/seed=0",
    ]


def test_a_student_that_is_the_small_one_reuses_its_trials(wanted, played):
    run = played({})
    settings = wanted(student="resnet8", alphas=(0.95, 0.5), betas=(0.75,))
    search.tune(settings, run)
    assert [one.name.partition("/")[0] for one in run.ran] == [
        "temperature=2",
        "temperature=6",
        "alpha=0.5",
    ]


def test_without_a_small_student_the_temperature_is_chosen_on_the_student(
    wanted, played
):
    run = played(SCORES)
    own = wanted(
        small_student="",
        student=config.Compress.student,
        shrink=config.Shrink(compression=2.0),
    )
    decided = search.tune(own, run)
    assert chosen(decided) == {"temperature": 6.0, "alpha": 0.1, "beta": 0.5}
    assert all("--compression=2.0" in one.command() for one in run.ran)
    place = pathlib.Path(own.session.workdir)
    assert "| temperature | 6 " in (place / "tuned.flags").read_text()


def test_a_stage_without_values_is_left_out(wanted, played):
    run = played({"beta=0.5/seed=0": 0.7})
    settings = wanted(small_student="", temperatures=(), alphas=())
    decided = search.tune(settings, run)
    assert chosen(decided) == {"beta": 0.5}
    assert [one.settings.loss.alpha for one in run.ran] == [0.95, 0.95]
    file = pathlib.Path(settings.session.workdir, "tuned.flags")
    assert file.read_text().splitlines()[-1] == "--beta=0.5"
    assert search.tune(settings, run) == decided


def test_other_settings_are_refused_by_name(wanted, played):
    search.tune(wanted(), played({}))
    with pytest.raises(errors.SettingsError) as caught:
        search.tune(wanted(betas=(0.5,)), played({}))
    assert "--betas was [0.25, 0.5], now [0.5]" in str(caught.value)
    assert "--alphas" not in str(caught.value)


def test_a_folder_of_another_command_is_refused(wanted, played):
    search.tune(wanted(), played({}))
    config = pathlib.Path(wanted().session.workdir, "config.json")
    config.write_text(config.read_text().replace('"Tune"', '"Compress"'))
    with pytest.raises(errors.SettingsError, match="another command"):
        search.tune(wanted(), played({}))


def test_overwrite_starts_again_and_removes_no_other_files(wanted, played):
    search.tune(wanted(), played({}))
    place = pathlib.Path(wanted().session.workdir)
    (place / "notes.txt").write_text("mine")
    run = played({})
    search.tune(
        wanted(betas=(0.5,), session={"overwrite": True}),
        run,
    )
    assert len(run.ran) == 5
    assert not (place / "beta=0.25").exists()
    assert (place / "notes.txt").read_text() == "mine"


def test_the_flagfile_states_how_its_values_were_chosen(wanted, played):
    search.tune(wanted(), played(SCORES), command="lit-tune --x='a\nb'")
    file = pathlib.Path(wanted().session.workdir, "tuned.flags")
    lines = file.read_text().splitlines()
    remarks = [line for line in lines if line.startswith("#")]
    assert lines[len(remarks) :] == [
        "--temperature=6.0",
        "--alpha=0.1",
        "--beta=0.5",
    ]
    text = "\n".join(remarks)
    assert "lit-tune --x='a b'" in text
    assert "the test split was not read" in text
    cells = [re.sub(" +", " ", line) for line in remarks]
    assert "# | temperature (resnet8) | 6 | 90.00 % | 1 | chosen |" in cells
