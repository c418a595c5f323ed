"""Trials that will hardly win are stopped, and only they."""

import dataclasses
import pathlib
import sys

import pytest

from lit_tf import config, errors
from lit_tf.tuning import pruning, runners, search, trials

LIT = dataclasses.replace(config.LIT, epochs=4, milestones=())
RISING = [0.5, 0.6, 0.7, 0.8]
LOW = [0.1, 0.2, 0.3, 0.4]
# Time to be looked at, after two epochs for as long as it takes.
STUCK = {"epochs": LOW, "seconds": [0.5, 60, 0, 0]}
SLOW = [0.3] * 4


def epochs(accuracies):
    return [
        trials.Epoch(phase="lit", epoch=n, accuracy=accuracy)
        for n, accuracy in enumerate(accuracies, start=1)
    ]


def hopeless(accuracies, *finished, patience=0):
    others = [epochs(one) for one in finished]
    return pruning.hopeless(epochs(accuracies), others, patience=patience)


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ([0.1], True),
        # The median of 0.5 and 0.3 is 0.4.
        ([0.39], True),
        ([0.41], False),
        # The best so far is what counts, at the same epoch.
        ([0.55, 0.1], False),
        ([0.41, 0.1], True),
    ],
)
def test_a_trial_below_the_median_at_its_epoch_is_hopeless(accuracies, verdict):
    assert hopeless(accuracies, [0.5, 0.6, 0.9], [0.3, 0.4, 0.9]) is verdict


def test_one_finished_trial_is_no_measure():
    assert not hopeless([0.0], RISING)
    assert hopeless([0.0], RISING, RISING)


def test_nothing_is_said_too_early():
    assert not hopeless([0.0], RISING, RISING, patience=2)
    assert hopeless([0.0, 0.0], RISING, RISING, patience=2)


@pytest.fixture
def pruned(wanted, program):
    """A function: plays → the stages of a search that prunes, one stage long.

    The third temperature would not end by itself.
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


def test_a_hopeless_trial_is_stopped_and_named(pruned, wanted, program, capsys):
    (stage, *_) = pruned()
    first, second = stage.values[2].tried
    # Half of phase lit has passed before it is looked at.
    assert first.note == "pruned after epoch 2 of phase lit, at 20.00%"
    assert second.note == "not run"
    assert stage.values[2].mean is None
    assert (
        "temperature=3/seed=0 pruned after epoch 2" in capsys.readouterr().out
    )
    ended = [row["name"] for row in program.notes("ends")]
    assert "temperature=3/seed=0" not in ended
    assert "temperature=3/seed=1" not in program.names()
    # The first seed decides who goes on to the others.
    assert program.names()[3:5] == [
        "temperature=1/seed=1",
        "temperature=2/seed=1",
    ]
    flags = pathlib.Path(wanted().session.workdir, "tuned.flags").read_text()
    assert "seed 0 pruned after epoch 2 of phase lit" in flags


def test_a_pruned_trial_stays_so(pruned, wanted, program):
    before = pruned()
    place = pathlib.Path(wanted().session.workdir)
    (place / "tune.json").unlink()
    count = len(program.names())
    assert pruned() == before
    assert len(program.names()) == count


def test_a_trial_that_keeps_up_is_not_stopped(pruned):
    ahead = {"epochs": [0.9] * 4, "seconds": SLOW}
    (stage, *_) = pruned({"temperature=3/seed=0": ahead}, seeds=(0,))
    assert stage.chosen == 3.0


def test_seeds_but_the_first_are_never_stopped(pruned):
    low = {"epochs": LOW, "seconds": SLOW}
    plays = {f"temperature={t}/seed=1": low for t in (1, 2)}
    (stage, *_) = pruned(plays)
    assert [one.mean for one in stage.values[:2]] == [pytest.approx(0.6)] * 2


def test_without_optuna_there_is_a_sentence(wanted, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    settings = wanted(prune=True)
    with pytest.raises(errors.SettingsError, match=r"lit_tf\[tune\]"):
        runners.here(settings, parallel=1)


def test_commands_for_others_are_not_pruned(wanted):
    with pytest.raises(errors.SettingsError, match="print_commands"):
        runners.elsewhere(wanted(prune=True))
