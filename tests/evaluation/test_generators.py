"""Evaluation of generators whose results are known."""

import json
import math

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

from lit_tf import config, data, errors
from lit_tf.data import image_tensors
from lit_tf.evaluation import feature_extractors, generators

NAMES = ("Black_Hair", "Blond_Hair", "Male")
HAIR = (NAMES[:2],)
# The first image already has black hair, the second already has blond hair.
LABELS = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 0]], np.float32)


def encoded(labels):
    """Returns a split of images that encode their attributes in pixels."""
    inputs = np.random.default_rng(0).integers(
        0, 256, (len(labels), 8, 8, 3), np.uint8
    )
    inputs[:, 0, : labels.shape[1], 0] = 255 * labels
    return data.Split(inputs, labels)


def discriminator(images, training):
    """Reads the attributes from the pixels of `encoded` images."""
    return None, images[:, 0, : len(NAMES), 0]


def correct(inputs, training):
    """Writes the target into the pixels."""
    images, target = inputs
    row = images[:, :1, : len(NAMES), 1:]
    written = (2 * target - 1)[:, tf.newaxis, :, tf.newaxis]
    row = tf.concat([written, row], -1)
    row = tf.concat([row, images[:, :1, len(NAMES) :]], 2)
    return tf.concat([row, images[:, 1:]], 1)


def identity(inputs, training):
    """Returns the input images."""
    return inputs[0]


def evaluate(models, labels=LABELS, **settings):
    defaults = {"exclusive": HAIR, "discriminator": discriminator}
    return generators.evaluate(
        models, encoded(labels), NAMES, **defaults | settings
    )


def test_a_correct_generator_has_full_accuracy():
    results = evaluate({"teacher": correct})
    assert results["roles"]["teacher"]["attribute_accuracy"] == 1
    assert results["roles"]["teacher"]["attributes"] == dict.fromkeys(NAMES, 1)


def test_only_images_with_a_changed_target_count():
    results = evaluate({"teacher": identity})["roles"]["teacher"]
    # Black hair: the target changes for the second image, which fails, and for
    # the third, which had black and blond hair. Blond hair is analogous.
    expected = {"Black_Hair": 1 / 2, "Blond_Hair": 1 / 2, "Male": 0}
    assert results["attributes"] == pytest.approx(expected)
    assert results["attribute_accuracy"] == pytest.approx(2 / 7)


def test_the_discriminator_is_evaluated_on_the_original_images():
    def wrong(images, training):
        sources, logits = discriminator(images, training)
        return sources, tf.concat([logits[:, :2], -logits[:, 2:]], -1)

    assert evaluate({"teacher": identity})["discriminator_accuracy"] == 1
    results = evaluate({"teacher": identity}, discriminator=wrong)
    assert results["discriminator_accuracy"] == pytest.approx(2 / 3)


def test_every_image_is_generated_once_for_each_attribute(monkeypatch):
    monkeypatch.setattr(generators, "_BATCH", 2)
    sizes = []

    def counting(inputs, training):
        tf.py_function(lambda x: sizes.append(len(x)), [inputs[0]], [])
        return correct(inputs, training)

    results = evaluate({"teacher": counting})
    assert results["pictures"] == sum(sizes) == 9
    assert results["roles"]["teacher"]["attribute_accuracy"] == 1


def test_the_batch_size_does_not_change_the_results(monkeypatch):
    labels = np.random.default_rng(1).integers(0, 2, (11, 3))
    models = {"teacher": identity, "student": correct}
    once = evaluate(models, labels.astype(np.float32), reference="teacher")
    monkeypatch.setattr(generators, "_BATCH", 4)
    again = evaluate(models, labels.astype(np.float32), reference="teacher")
    for role in models:
        one, other = once["roles"][role], again["roles"][role]
        assert one["attributes"] == pytest.approx(other["attributes"])
    one, other = (t["roles"]["student"]["likeness"] for t in (once, again))
    assert one == pytest.approx(other)


def test_other_roles_are_compared_with_the_reference():
    def lighter(inputs, training):
        return inputs[0] + 0.5

    roles = evaluate(
        {"teacher": identity, "student": lighter}, reference="teacher"
    )["roles"]
    assert "likeness" not in roles["teacher"]
    like = roles["student"]["likeness"]
    assert like["l1"] == pytest.approx(0.25, abs=1e-6)
    assert like["psnr"] == pytest.approx(20 * math.log10(4), abs=1e-4)


def test_a_copy_of_the_reference_has_no_psnr_and_valid_json():
    roles = evaluate(
        {"teacher": identity, "student": identity}, reference="teacher"
    )
    like = roles["roles"]["student"]["likeness"]
    assert (like["l1"], like["l2"], like["psnr"]) == (0, 0, None)
    assert like["ssim"] == pytest.approx(1)
    json.dumps(roles, allow_nan=False)


def test_without_a_reference_there_is_no_similarity():
    roles = evaluate({"teacher": identity, "student": identity})["roles"]
    assert all("likeness" not in one for one in roles.values())


@pytest.fixture
def classifier(tmp_path):
    """A file of a small classifier of 8×8 images."""
    seeds.set_all(0)
    x = keras.Input((8, 8, 3))
    y = keras.layers.Rescaling(1 / 255)(x)
    y = keras.layers.Flatten()(y)
    y = keras.layers.Dense(4, name="features")(y)
    y = keras.layers.Dense(5, activation="softmax")(y)
    keras.Model(x, y, name="small").save(tmp_path / "small.keras")
    return str(tmp_path / "small.keras")


def one(split, **settings):
    """Evaluates one attribute alone, so that each image is made once."""
    split = data.Split(split.inputs, split.labels[:, :1])
    return generators.evaluate(
        {"teacher": identity},
        split,
        NAMES[:1],
        discriminator=lambda images, training: (None, images[:, 0, :1, 0]),
        **settings,
    )


def test_the_fid_of_real_images_to_themselves_is_zero(classifier):
    split = encoded(np.random.default_rng(0).integers(0, 2, (12, 3)))
    extractor = feature_extractors.from_model_file(classifier)
    results = one(split, extractor=extractor, real=split)
    same = results["roles"]["teacher"]["fid"]
    assert same == pytest.approx(0, abs=1e-9)
    assert 1 < results["roles"]["teacher"]["inception_score"] < 5
    darker = data.Split(split.inputs // 4, split.labels)
    other = one(split, extractor=extractor, real=darker)["roles"]["teacher"]
    assert other["fid"] > 0.01


def test_results_name_the_extractor_and_the_number_of_images(
    classifier, monkeypatch
):
    split = encoded(np.random.default_rng(0).integers(0, 2, (12, 3)))
    session = config.Session(feature_model=classifier)
    extractor = generators.feature_extractor(session)
    monkeypatch.setattr(generators, "_REAL", 7)
    results = one(split, extractor=extractor, real=split)
    assert (results["pictures"], results["real_pictures"]) == (12, 7)
    assert results["features"] == extractor.name
    assert "small.keras" in extractor.name


def test_the_extractor_receives_generated_images_unchanged(classifier):
    split = encoded(np.random.default_rng(0).integers(0, 2, (12, 3)))
    received = []

    def extract(images):
        received.append(images.numpy())
        return feature_extractors.Features(images[:, 0, 0])

    stub = feature_extractors.FeatureExtractor("stub", 3, 0, extract)
    results = one(split, extractor=stub, real=split)
    generated, real = received
    np.testing.assert_array_equal(generated, image_tensors.unit(split.inputs))
    np.testing.assert_array_equal(real, generated)
    assert "inception_score" not in results["roles"]["teacher"]


def test_without_an_extractor_there_is_no_fid_or_score():
    results = evaluate({"teacher": identity})
    assert generators.feature_extractor(config.Session()) is None
    assert not results.keys() & {"features", "real_pictures"}
    assert not results["roles"]["teacher"].keys() & {"fid", "inception_score"}


@pytest.mark.parametrize(
    "other", [{"inception_weights": "x.h5"}, {"download_inception": True}]
)
def test_two_feature_extractors_are_refused(classifier, other):
    session = config.Session(feature_model=classifier, **other)
    with pytest.raises(errors.SettingsError) as refusal:
        generators.feature_extractor(session)
    assert str(refusal.value) == (
        "Pass either `feature_model` or InceptionV3 weights, not both. "
        f"Received: feature_model={classifier!r}."
    )
