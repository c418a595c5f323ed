"""Normalization by name or by numbers, in raw units."""

import pytest

from lit_tf import data, errors
from lit_tf.data import normalization


def test_imagenet_is_scaled_to_raw_units():
    raw = normalization.resolve("imagenet", 3)
    assert raw["mean"] == pytest.approx((123.675, 116.28, 103.53))
    assert raw["std"] == pytest.approx((58.395, 57.12, 57.375))


@pytest.mark.parametrize("name", normalization.names()[2:])
def test_the_name_of_a_dataset_gives_its_own_normalization(name):
    form = data.DATASETS[name].form()
    raw = normalization.resolve(name, form["input_shape"][-1])
    assert raw == {"mean": form["mean"], "std": form["std"]}


def test_none_leaves_pixels_unchanged():
    assert normalization.resolve("none", 2) == {
        "mean": (0.0, 0.0),
        "std": (1.0, 1.0),
    }


def test_numbers_are_means_then_deviations_for_pixels_divided_by_255():
    raw = normalization.resolve("0.1, 0.2,0.3,.4,.5,1", 3)
    assert raw["mean"] == pytest.approx((25.5, 51.0, 76.5))
    assert raw["std"] == pytest.approx((102.0, 127.5, 255.0))
    assert normalization.resolve("0,1", 1) == {"mean": (0.0,), "std": (255.0,)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imagnet", "Unknown normalization 'imagnet'.*nearest is imagenet.*Or"),
        ("", "Unknown normalization ''"),
        ("digits", "must give 3 means.*'digits', with 1 and 1"),
        (".5,.5", "must give 3 means and 3 standard.*with 1 and 1"),
        (".5,.5,.5,.2,.2", "with 2 and 3"),
        ("125,123,114,63,62,67", r"means in \[0, 1\].*Received: '125,123"),
        (".5,.5,.5,.2,.2,0", r"deviations in \(0, 1\]"),
        (".5,.5,.5,.2,.2,-1", r"deviations in \(0, 1\]"),
        (".5,.5,nan,.2,.2,.2", r"means in \[0, 1\]"),
        (".5,.5,.5,.2,.2,two", "Unknown normalization"),
    ],
)
def test_an_invalid_normalization_is_refused(text, message):
    with pytest.raises(errors.SettingsError, match=message) as refusal:
        normalization.resolve(text, 3)
    assert "\n" not in str(refusal.value)
