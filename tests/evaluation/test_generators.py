"""Generators that are known are judged as they are known to be."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from lit_tf import config, data, errors
from lit_tf.data import augment
from lit_tf.evaluation import feature_extractors, generators

NAMES = ("Black_Hair", "Blond_Hair", "Male")
HAIR = (NAMES[:2],)
# The second wants no change to be blond, the first none to be black-haired.
LABELS = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0]], np.float32)


def pictures(labels):
    """Returns a split of pictures that show their attributes in pixels."""
    inputs = np.random.default_rng(0).integers(
        0, 256, (len(labels), 8, 8, 3), np.uint8
    )
    inputs[:, 0, : labels.shape[1], 0] = 255 * labels
    return data.Split(inputs, labels)


def discriminator(images, training):
    """Reads the attributes from the pixels of pictures of `NAMES`."""
    return None, images[:, 0, : len(NAMES), 0]


def obedient(inputs, training):
    """Paints the target into the pixels."""
    images, target = inputs
    row = images[:, :1, : len(NAMES), 1:]
    painted = (2 * target - 1)[:, tf.newaxis, :, tf.newaxis]
    row = tf.concat([painted, row], -1)
    row = tf.concat([row, images[:, :1, len(NAMES) :]], 2)
    return tf.concat([row, images[:, 1:]], 1)


def lazy(inputs, training):
    """Changes nothing."""
    return inputs[0]


def evaluate(models, labels=LABELS, **settings):
    given = {"exclusive": HAIR, "discriminator": discriminator}
    return generators.evaluate(
        models, pictures(labels), NAMES, **given | settings
    )


def test_who_paints_what_was_asked_for_is_obedient():
    results = evaluate({"teacher": obedient})
    assert results["roles"]["teacher"]["attribute_accuracy"] == 1
    assert results["roles"]["teacher"]["attributes"] == dict.fromkeys(NAMES, 1)


def test_only_pictures_that_had_to_change_count():
    results = evaluate({"teacher": lazy})["roles"]["teacher"]
    # Of the last picture the other hair was to go, and the one asked for is
    # there; the second of each colour fails, the third had it.
    wanted = {"Black_Hair": 1 / 2, "Blond_Hair": 1 / 2, "Male": 0}
    assert results["attributes"] == pytest.approx(wanted)
    assert results["attribute_accuracy"] == pytest.approx(2 / 7)


def test_the_discriminator_itself_is_judged_on_pictures_as_they_are():
    def mistaken(images, training):
        sources, logits = discriminator(images, training)
        return sources, tf.concat([logits[:, :2], -logits[:, 2:]], -1)

    assert evaluate({"teacher": lazy})["discriminator_accuracy"] == 1
    results = evaluate({"teacher": lazy}, discriminator=mistaken)
    assert results["discriminator_accuracy"] == pytest.approx(2 / 3)


def test_every_picture_is_made_once_an_attribute(monkeypatch):
    monkeypatch.setattr(generators, "_BATCH", 2)
    seen = []

    def counting(inputs, training):
        tf.py_function(lambda x: seen.append(len(x)), [inputs[0]], [])
        return obedient(inputs, training)

    results = evaluate({"teacher": counting})
    assert results["pictures"] == sum(seen) == 9
    assert results["roles"]["teacher"]["attribute_accuracy"] == 1


def test_a_batch_more_or_less_changes_nothing(monkeypatch):
    labels = np.random.default_rng(1).integers(0, 2, (11, 3))
    models = {"teacher": lazy, "student": obedient}
    once = evaluate(models, labels.astype(np.float32), reference="teacher")
    monkeypatch.setattr(generators, "_BATCH", 4)
    again = evaluate(models, labels.astype(np.float32), reference="teacher")
    for role in models:
        one, other = once["roles"][role], again["roles"][role]
        assert one["attributes"] == pytest.approx(other["attributes"])
    one, other = (t["roles"]["student"]["likeness"] for t in (once, again))
    assert one == pytest.approx(other)


def test_the_others_are_compared_with_the_reference():
    def lighter(inputs, training):
        return inputs[0] + 0.5

    roles = evaluate(
        {"teacher": lazy, "student": lighter}, reference="teacher"
    )["roles"]
    assert "likeness" not in roles["teacher"]
    like = roles["student"]["likeness"]
    assert like["l1"] == pytest.approx(0.25, abs=1e-6)
    assert like["psnr"] == pytest.approx(20 * math.log10(4), abs=1e-4)


def test_who_is_the_reference_has_no_decibels_and_strict_json():
    roles = evaluate({"teacher": lazy, "student": lazy}, reference="teacher")
    like = roles["roles"]["student"]["likeness"]
    assert (like["l1"], like["l2"], like["psnr"]) == (0, 0, None)
    assert like["ssim"] == pytest.approx(1)
    json.dumps(roles, allow_nan=False)


def test_nobody_is_compared_without_a_reference():
    roles = evaluate({"teacher": lazy, "student": lazy})["roles"]
    assert all("likeness" not in one for one in roles.values())


@pytest.fixture
def classifier(tmp_path):
    """A file of a small classifier of 8×8 pictures."""
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 3))
    y = keras.layers.Rescaling(1 / 255)(x)
    y = keras.layers.Flatten()(y)
    y = keras.layers.Dense(4, name="features")(y)
    y = keras.layers.Dense(5, activation="softmax")(y)
    keras.Model(x, y, name="small").save(tmp_path / "small.keras")
    return str(tmp_path / "small.keras")


def one(split, **settings):
    """Judges on the last attribute alone, so that a picture is made once."""
    split = data.Split(split.inputs, split.labels[:, :1])
    return generators.evaluate(
        {"teacher": lazy},
        split,
        NAMES[:1],
        discriminator=lambda images, training: (None, images[:, 0, :1, 0]),
        **settings,
    )


def test_real_pictures_are_at_no_distance_from_themselves(classifier):
    split = pictures(np.random.default_rng(0).integers(0, 2, (12, 3)))
    seen = feature_extractors.of_model(classifier)
    results = one(split, seen=seen, real=split)
    alike = results["roles"]["teacher"]["fid"]
    assert alike == pytest.approx(0, abs=1e-9)
    assert 1 < results["roles"]["teacher"]["inception_score"] < 5
    darker = data.Split(split.inputs // 4, split.labels)
    other = one(split, seen=seen, real=darker)["roles"]["teacher"]
    assert other["fid"] > 0.01


def test_figures_come_with_the_features_and_the_number_of_pictures(
    classifier, monkeypatch
):
    split = pictures(np.random.default_rng(0).integers(0, 2, (12, 3)))
    seen = generators.seen_by(config.Session(feature_model=classifier))
    monkeypatch.setattr(generators, "_REAL", 7)
    results = one(split, seen=seen, real=split)
    assert (results["pictures"], results["real_pictures"]) == (12, 7)
    assert results["features"] == seen.name
    assert "small.keras" in seen.name


def test_features_see_pictures_as_they_are_generated(classifier):
    split = pictures(np.random.default_rng(0).integers(0, 2, (12, 3)))
    shown = []

    def look(images):
        shown.append(images.numpy())
        return feature_extractors.Seen(images[:, 0, 0])

    stub = feature_extractors.Features("stub", 3, 0, look)
    results = one(split, seen=stub, real=split)
    made, real = shown
    np.testing.assert_array_equal(made, augment.unit(split.inputs))
    np.testing.assert_array_equal(real, made)
    assert "inception_score" not in results["roles"]["teacher"]


def test_without_features_none_are_told():
    results = evaluate({"teacher": lazy})
    assert generators.seen_by(config.Session()) is None
    assert not results.keys() & {"features", "real_pictures"}
    assert not results["roles"]["teacher"].keys() & {"fid", "inception_score"}


@pytest.mark.parametrize(
    "other", [{"inception_weights": "x.h5"}, {"download_inception": True}]
)
def test_two_networks_cannot_judge(classifier, other):
    session = config.Session(feature_model=classifier, **other)
    with pytest.raises(errors.SettingsError) as refusal:
        generators.seen_by(session)
    assert str(refusal.value) == (
        "`feature_model` and InceptionV3 cannot both judge. Received: "
        f"feature_model={classifier!r}."
    )
