"""Advice that the validation accuracy of a phase gives."""

import pytest

from lit_tf.experiment import advice

RISING = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85]
FALLING = [0.6, 0.9, 0.85, 0.8, 0.8, 0.8, 0.8, 0.8]


@pytest.mark.parametrize(
    ("curve", "sentence"),
    [
        (RISING, "still rising in the last epochs of phase lit (72.50% → "),
        (FALLING, "phase lit was that of epoch 2 of 8: a shorter training"),
        ([0.5, 0.7, 0.8, 0.81, 0.81, 0.8, 0.81, 0.81], ""),
        (RISING[:3], ""),
        ([], ""),
    ],
)
def test_the_last_epochs_and_the_best_one_give_advice(curve, sentence):
    rows = [
        {"phase": "lit", "epoch": i, "validation/accuracy": accuracy}
        for i, accuracy in enumerate(curve, 1)
    ]
    # Rows within an epoch come before its last one; other phases are ignored.
    rows = [
        row | change
        for row in rows
        for change in ({"validation/accuracy": 0.0}, {}, {"phase": "teach"})
    ]
    found = advice.of_curve(rows, "lit", examples=1000)
    assert sentence in found and bool(sentence) == bool(found)


def test_a_difference_within_the_noise_gives_no_advice():
    rows = [
        {"phase": "lit", "epoch": i, "validation/accuracy": accuracy}
        for i, accuracy in enumerate(RISING, 1)
    ]
    assert advice.of_curve(rows, "lit", examples=10) == ""
