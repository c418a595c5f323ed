"""The median rule stops the trials that it should, and no others."""

import dataclasses
import json
import pathlib

import pytest

from lit_tf import config, errors
from lit_tf.tuning import pruning, runners, search, stages, trials

LIT = dataclasses.replace(config.LIT, epochs=4, milestones=())
RISING = [0.5, 0.6, 0.7, 0.8]
LOW = [0.1, 0.2, 0.3, 0.4]
# The trial waits after its second epoch until the search stops it.
STUCK = {"epochs": LOW, "seconds": [0.5, 60, 0, 0]}
SLOW = [0.3] * 4


def epochs(accuracies):
    return [
        trials.Epoch(phase="lit", epoch=n, accuracy=accuracy)
        for n, accuracy in enumerate(accuracies, start=1)
    ]


def should_stop(accuracies, *finished, patience=0):
    others = [epochs(one) for one in finished]
    return pruning.should_stop(epochs(accuracies), others, patience=patience)


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([0.1], True),
        # The median of 0.5 and 0.3 is 0.4; an accuracy equal to it passes.
        ([0.39], True),
        ([0.4], False),
        ([0.41], False),
        # The trial's best accuracy so far is compared with the median at its
        # latest epoch: 0.5 after two epochs.
        ([0.55, 0.1], False),
        ([0.41, 0.1], True),
    ],
)
def test_a_trial_below_the_median_at_its_epoch_is_stopped(accuracies, expected):
    finished = [0.5, 0.6, 0.9], [0.3, 0.4, 0.9]
    assert should_stop(accuracies, *finished) is expected


def test_the_median_of_an_odd_number_of_trials_is_the_middle_one():
    finished = [0.1], [0.9], [0.4]
    assert should_stop([0.39], *finished)
    assert not should_stop([0.4], *finished)


def test_only_trials_that_reached_the_epoch_enter_the_median():
    finished = [0.9], [0.5, 0.5], [0.5, 0.3]
    assert should_stop([0.1, 0.39], *finished)
    assert not should_stop([0.1, 0.41], *finished)
    assert not should_stop([0.0, 0.0, 0.0], *finished)


def test_no_trial_is_stopped_before_two_have_finished():
    assert not should_stop([0.0])
    assert not should_stop([0.0], RISING)
    assert should_stop([0.0], RISING, RISING)


def test_no_trial_is_stopped_before_the_patience_is_over():
    assert not should_stop([0.0], RISING, RISING, patience=2)
    assert should_stop([0.0, 0.0], RISING, RISING, patience=2)


@pytest.fixture
def pruned(wanted, program):
    """A function: plays → the stages of a search that prunes in its first one.

    The trial of the third temperature does not end by itself.
    """

    def make(plays=None, seeds=(0, 1), **changed):
        program.plays(
            {
                "temperature=1/seed=0": {"epochs": RISING},
                "temperature=2/seed=0": {"epochs": RISING},
                "temperature=3/seed=0": STUCK,
            }
            | (plays or {})
        )
        settings = wanted(
            temperatures=(1.0, 2.0, 3.0),
            student="resnet8",
            alphas=(0.5,),
            betas=(0.5,),
            seeds=seeds,
            lit=LIT,
            prune=True,
            **changed,
        )
        return search.tune(settings, runners.here(settings, parallel=1))

    return make


def test_a_trial_below_the_median_is_stopped_and_named(
    pruned, wanted, program, capsys
):
    (stage, *_) = pruned()
    first, second = stage.values[2].tried
    # No trial is stopped in the first half of phase lit.
    assert first.note == "pruned after epoch 2 of phase lit, at 20.00 %"
    assert second.note == "not run"
    assert stage.values[2].mean is None
    assert (
        "temperature=3/seed=0 pruned after epoch 2" in capsys.readouterr().out
    )
    ended = [row["name"] for row in program.notes("ends")]
    assert "temperature=3/seed=0" not in ended
    assert "temperature=3/seed=1" not in program.names()
    # Only values whose first seed has finished run the other seeds.
    assert program.names()[3:5] == [
        "temperature=1/seed=1",
        "temperature=2/seed=1",
    ]
    flags = pathlib.Path(wanted().session.workdir, "tuned.flags").read_text()
    assert "seed 0 pruned after epoch 2 of phase lit" in flags


def test_a_pruned_trial_is_not_run_again(pruned, wanted, program):
    before = pruned()
    place = pathlib.Path(wanted().session.workdir)
    (place / "tune.json").unlink()
    count = len(program.names())
    assert pruned() == before
    assert len(program.names()) == count


def test_a_trial_above_the_median_is_not_stopped(pruned):
    ahead = {"epochs": [0.9] * 4, "seconds": SLOW}
    (stage, *_) = pruned({"temperature=3/seed=0": ahead}, seeds=(0,))
    assert stage.chosen == 3.0


def test_half_of_phase_lit_is_counted_in_the_epochs_that_it_is_given(pruned):
    # 16 epochs, of which 8 are of phase lit: none ends before its fourth.
    low = {"epochs": LOW, "seconds": [0.3, 0.3, 0.3, 60]}
    phases = {"fine_tune": LIT, "epochs": 16}
    (stage, *_) = pruned({"temperature=3/seed=0": low}, **phases)
    (first, _) = stage.values[2].tried
    assert first.note == "pruned after epoch 4 of phase lit, at 40.00 %"


def test_only_trials_of_the_first_seed_are_stopped(pruned):
    low = {"epochs": LOW, "seconds": SLOW}
    plays = {f"temperature={t}/seed=1": low for t in (1, 2)}
    (stage, *_) = pruned(plays)
    assert [one.mean for one in stage.values[:2]] == [pytest.approx(0.6)] * 2


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"validation/accuracy": 0.5, "validation/soft": 0.1}, [0.5]),
        ({"validation/soft": 0.25}, [0.75]),  # Texts alone.
        ({"validation/kd": 0.25}, [0.75]),  # Images.
        ({"loss": 0.1}, []),
    ],
)
def test_an_epoch_has_the_score_of_its_task(row, expected, wanted):
    (trial, *_) = stages.planned(wanted(), "temperature", {})
    trial.folder.mkdir(parents=True)
    line = json.dumps({"phase": "lit", "epoch": 1, **row})
    (trial.folder / "metrics.jsonl").write_text(f"{line}\n")
    assert [one.accuracy for one in trial.epochs()] == expected


def test_printed_commands_are_not_pruned(wanted):
    with pytest.raises(errors.SettingsError, match="print_commands"):
        runners.elsewhere(wanted(prune=True))
