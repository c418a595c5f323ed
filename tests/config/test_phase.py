"""A phase's settings: their checks, its length, its learning rate."""

import pytest

from lit_tf import config, errors

PHASE = {
    "epochs": 6,
    "batch_size": 8,
    "learning_rate": 1.0,
    "weight_decay": 0.0,
}


def phase(**settings):
    return config.Phase(**PHASE | settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "`epochs` must be ≥ 0. Received: epochs=-1."),
        (
            {"batch_size": 0},
            "`batch_size` must be ≥ 1. Received: batch_size=0.",
        ),
        (
            {"learning_rate": 0.0},
            "`learning_rate` must be positive and finite. Received: "
            "learning_rate=0.0.",
        ),
        (
            {"decay": float("inf")},
            "`decay` must be positive and finite. Received: decay=inf.",
        ),
        (
            {"weight_decay": -1e-4},
            "`weight_decay` must be ≥ 0 and finite. Received: "
            "weight_decay=-0.0001.",
        ),
        (
            {"momentum": 1.0},
            "`momentum` must be in [0, 1). Received: momentum=1.0.",
        ),
        (
            {"warmup_epochs": -1},
            "`warmup_epochs` must be ≥ 0. Received: warmup_epochs=-1.",
        ),
        (
            {"milestones": (5, 5)},
            "`milestones` must be positive epochs in ascending order. "
            "Received: milestones=(5, 5).",
        ),
        (
            {"milestones": (0, 5)},
            "`milestones` must be positive epochs in ascending order. "
            "Received: milestones=(0, 5).",
        ),
        (
            {"epochs": 5, "milestones": (3, 5)},
            "`milestones` must be below the phase's 5 epochs. "
            "Received: milestones=(3, 5).",
        ),
        (
            {"optimizer": "rmsprop"},
            "`optimizer` must be one of sgd, adam, adamw. Received: "
            "optimizer='rmsprop'.",
        ),
        (
            {"clip_norm": float("inf")},
            "`clip_norm` must be ≥ 0 and finite. Received: clip_norm=inf.",
        ),
        *(
            (
                {name: 1.0},
                f"`{name}` must be in [0, 1). Received: {name}=1.0.",
            )
            for name in ("ema", "label_smoothing", "exponential_decay")
        ),
        ({"steps": -1}, "`steps` must be ≥ 0. Received: steps=-1."),
        *(
            (
                {"linear_decay": value},
                "`linear_decay` must be in [0, 1]. Received: "
                f"linear_decay={value}.",
            )
            for value in (-0.5, 1.5)
        ),
    ],
)
def test_a_schedule_that_is_not_allowed_is_refused(settings, message):
    with pytest.raises(errors.SettingsError) as refusal:
        phase(**settings)
    assert str(refusal.value) == message


def test_a_phase_without_epochs_may_have_any_milestones():
    for length in ({"epochs": 0}, {"epochs": 1, "steps": 9}):
        settings = config.Phase(
            **{
                "batch_size": 4,
                "learning_rate": 0.1,
                "weight_decay": 0.0,
                "milestones": (3, 5),
            }
            | length
        )
        assert settings.milestones == (3, 5)


def test_the_rate_falls_at_the_epoch_of_a_milestone():
    schedule = phase(milestones=(2, 4), decay=0.5)
    rates = [schedule.rate(step, 3) for step in range(18)]
    assert rates == [1] * 6 + [0.5] * 6 + [0.25] * 6


def test_warm_up_runs_at_a_tenth_of_the_rate():
    schedule = phase(learning_rate=2.0, warmup_epochs=2, milestones=(3,))
    rates = [schedule.rate(step, 2) for step in range(8)]
    assert rates == pytest.approx([0.2] * 4 + [2.0, 2.0, 0.2, 0.2])


def test_the_rate_rises_over_the_first_steps():
    schedule = phase(learning_rate=2.0, warmup_steps=4)
    rates = [schedule.rate(step, 3) for step in range(6)]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_the_rate_falls_exponentially_to_a_fraction():
    schedule = phase(steps=4, exponential_decay=1 / 16)
    rates = [schedule.rate(step, 100) for step in range(5)]
    assert rates == pytest.approx([1, 1 / 2, 1 / 4, 1 / 8, 1 / 16])


def test_a_shorter_phase_has_a_shorter_warm_up():
    assert phase(warmup_steps=9).scaled(1 / 3).warmup_steps == 3


@pytest.mark.parametrize("whole", [{"steps": 30}, {"epochs": 3}])
def test_a_warm_up_that_ends_within_its_phase_does_so_when_scaled(whole):
    one = phase(**{"epochs": 0} | whole, warmup_steps=29)
    one.check_warm_up(one.total(10))
    for factor in (2 / 3, 1 / 3, 1 / 30, 5 / 3):
        scaled = one.scaled(factor)
        scaled.check_warm_up(scaled.total(10))


def test_a_warm_up_must_end_within_its_phase():
    phase(warmup_steps=5).check_warm_up(6)
    phase(warmup_steps=5).check_warm_up(0)  # A phase that is left out.
    with pytest.raises(errors.SettingsError) as refusal:
        phase(warmup_steps=6).check_warm_up(6, "lit")
    assert str(refusal.value) == (
        "`lit_warmup_steps` must be below the 6 steps of the phase. "
        "Received: lit_warmup_steps=6."
    )


def test_a_linear_decay_of_one_half_falls_to_0_over_the_second_half():
    schedule = phase(epochs=2, linear_decay=0.5)
    rates = [schedule.rate(step, 4) for step in range(8)]
    assert rates == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25]


def test_a_linear_decay_of_1_falls_from_the_first_step():
    rates = [phase(steps=5, linear_decay=1.0).rate(i, 100) for i in range(5)]
    assert rates == pytest.approx([1, 0.8, 0.6, 0.4, 0.2])


def test_the_factors_of_milestone_and_linear_decay_multiply():
    schedule = phase(epochs=2, milestones=(1,), linear_decay=0.5)
    assert schedule.rate(6, 4) == pytest.approx(0.1 * 0.5)


def test_the_length_of_a_phase_is_its_epochs_or_its_steps():
    assert phase(epochs=6).total(7) == 42
    assert phase(epochs=6, steps=5).total(7) == 5
    assert phase(epochs=0).total(7) == 0
    config.Teach(teach=phase(epochs=0, steps=1))
