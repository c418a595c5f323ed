"""Durations, and phases scaled to a number of epochs."""

import pytest

from lit_tf import config, errors
from lit_tf.config import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30min", 1800),
        ("45 m", 2700),
        ("2h", 7200),
        ("1h30min", 5400),
        ("1.5h", 5400),
        ("", None),
        ("0min", None),
        ("30", None),
        ("min", None),
        ("-1h", None),
    ],
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize(
    ("epochs", "lit", "fine_tune"),
    [(1, 1, 0), (2, 1, 1), (3, 2, 1), (30, 18, 12), (300, 175, 125)],
)
def test_phases_keep_their_shares(epochs, lit, fine_tune):
    scaled = config.with_epochs(config.Compress(), epochs)
    assert (scaled.lit.epochs, scaled.fine_tune.epochs) == (lit, fine_tune)


def test_milestones_are_scaled_too():
    scaled = config.with_epochs(config.Compress(), 30)
    assert scaled.lit.milestones == (10,)
    assert scaled.fine_tune.milestones == (5,)
    assert config.with_epochs(config.Compress(), 300).lit == config.LIT


def test_without_fine_tuning_all_epochs_are_those_of_phase_lit():
    settings = config.Compress(with_fine_tune=False)
    assert config.with_epochs(settings, 7).lit.epochs == 7


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"epochs": 3, "budget": "1h"},
            "Pass either `epochs` or `budget`, not both.",
        ),
        ({"budget": "soon"}, "`budget` must be a time such as 90s, 30min"),
        (
            {
                "epochs": 3,
                "lit": config.Phase(**vars(config.LIT) | {"steps": 5}),
            },
            "`epochs` and `budget` scale the epochs of the phases.",
        ),
    ],
)
def test_contradictions_are_refused(changes, sentence):
    with pytest.raises(errors.SettingsError) as error:
        config.Compress(**changes)
    assert str(error.value).startswith(sentence)


def phase(**changes):
    return config.Phase(
        epochs=1, batch_size=1, learning_rate=2.0, weight_decay=0.0, **changes
    )


def test_the_rate_rises_over_the_warm_up():
    rates = [phase(warmup=0.4).rate(step, 10) for step in range(6)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0])


def test_the_rate_falls_along_a_half_cosine():
    rates = [phase(cosine_decay=0.5).rate(step, 8) for step in range(8)]
    assert rates[:5] == [2.0] * 5
    assert rates[6] == pytest.approx(1.0)
    assert rates[5] - rates[6] == pytest.approx(rates[6] - rates[7])
