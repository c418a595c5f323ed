"""Evaluation of generators: attribute accuracy, similarity, FID, IS.

Generated images are evaluated batch by batch and not stored.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import config, data, errors
from lit_tf.data import image_tensors, targets
from lit_tf.evaluation import (
    feature_extractors,
    fid,
    image_similarity,
    inception_score,
)

_BATCH = 64
_REAL = 10_000  # Largest number of real images for FID.


def feature_extractor(
    session: config.Session,
) -> feature_extractors.FeatureExtractor | None:
    """Returns the feature extractor for FID and Inception score.

    Args:
        session: `feature_model`, `inception_weights` and `download_inception`.

    Returns:
        None if the settings name no network.

    Raises:
        SettingsError: if the settings name two networks.
        DataError: if the network's file is missing or damaged.
    """
    inception = session.inception_weights or session.download_inception
    errors.require(
        not (inception and session.feature_model),
        "Pass either `feature_model` or InceptionV3 weights, not both.",
        feature_model=session.feature_model,
    )
    if session.feature_model:
        return feature_extractors.from_model_file(session.feature_model)
    if inception:
        return feature_extractors.inception(
            session.inception_weights, download=session.download_inception
        )
    return None


def evaluate(
    models: Mapping[str, keras.Model],
    split: data.Split,
    names: Sequence[str],
    exclusive: Sequence[Sequence[str]] = (),
    *,
    discriminator: keras.Model,
    reference: str = "",
    extractor: feature_extractors.FeatureExtractor | None = None,
    real: data.Split | None = None,
) -> dict[str, Any]:
    """Evaluates generators on every image with every attribute changed.

    Args:
        models: generators by role.
        split: images and their attributes.
        names: names of the attributes.
        exclusive: groups of attributes of which a target has exactly one.
        discriminator: the discriminator, images → [sources, logits of the
            attributes].
        reference: the role that the other roles are compared with; "" for no
            comparison.
        extractor: the feature extractor for FID and Inception score; None to
            omit both.
        real: real images that FID compares with.

    Returns:
        A dictionary as in a report:
        `pictures`: number of images that each generator made.
        `discriminator_accuracy`: fraction of the attributes of original images
            that the discriminator predicts correctly.
        `roles`: results of each role.
            `attribute_accuracy`: fraction of the generated images with a
                changed target in which the discriminator finds the changed
                attribute as requested.
            `attributes`: the same for each attribute.
            `likeness`: similarity to the reference. Its `psnr` is None if all
                images are equal.
            `fid`, `inception_score`: with an extractor alone.
        `features`: name of the extractor; with an extractor alone.
        `real_pictures`: number of real images; with an extractor alone.
    """
    results = {role: _Results(len(names)) for role in models}
    generators = {role: _compiled(model) for role, model in models.items()}
    generated, discriminated = 0, 0.0
    changes = np.zeros(len(names))  # Targets that differ from the label.
    for images, labels in _batches(split):
        logits = discriminator(images, training=False)[1].numpy()
        discriminated += np.sum((logits > 0) == (labels > 0.5)) / len(names)
        for i, target in enumerate(targets.each(labels, names, exclusive)):
            generated += len(target)
            changed = (target != labels).any(axis=1)
            changes[i] += changed.sum()
            outputs = {
                role: generate(images, tf.constant(target))
                for role, generate in generators.items()
            }
            for role, output in outputs.items():
                logits = discriminator(output, training=False)[1].numpy()
                correct = (logits[:, i] > 0) == (target[:, i] > 0.5)
                results[role].correct[i] += np.sum(correct & changed)
                if role != reference:
                    results[role].compare(outputs.get(reference), output)
                if extractor is not None:
                    results[role].add_features(extractor(output))
    report = {
        "pictures": generated,
        "discriminator_accuracy": discriminated / len(split),
        "roles": {r: one.report(names, changes) for r, one in results.items()},
    }
    if extractor is None:
        return report
    statistics, count = _real_statistics(real, extractor)
    for role, one in results.items():
        distance = fid.distance(statistics, one.statistics)
        report["roles"][role]["fid"] = distance
        if one.score.count:
            report["roles"][role]["inception_score"] = one.score.value
    return report | {"features": extractor.name, "real_pictures": count}


class _Results:
    """Results of one generator, accumulated batch by batch.

    Args:
        attributes: number of attributes.
    """

    def __init__(self, attributes):
        self.correct = np.zeros(attributes)
        self.similarity = image_similarity.Similarity()
        self.statistics = fid.Statistics()
        self.score = inception_score.InceptionScore()

    def compare(self, reference, images):
        if reference is not None:
            self.similarity.update(reference, images)

    def add_features(self, extracted):
        self.statistics.update(extracted.features.numpy())
        if extracted.probabilities is not None:
            self.score.update(extracted.probabilities.numpy())

    def report(self, names, changes):
        """Returns the accuracies and the similarity as in a report.

        Args:
            names: names of the attributes.
            changes: number of changed targets by attribute, `[attributes]`.
        """
        rates = self.correct / np.maximum(changes, 1)
        report = {
            "attribute_accuracy": float(self.correct.sum() / changes.sum()),
            "attributes": dict(zip(names, map(float, rates), strict=True)),
        }
        if self.similarity.count:
            values = self.similarity.values
            # JSON has no infinity.
            values["psnr"] = values["psnr"] if values["l2"] else None
            report["likeness"] = values
        return report


def _batches(split):
    for start in range(0, len(split), _BATCH):
        place = slice(start, start + _BATCH)
        images = tf.constant(split.inputs[place])
        yield image_tensors.unit(images), split.labels[place]


def _real_statistics(split, extractor):
    """Returns the feature statistics of real images, and their number."""
    statistics = fid.Statistics()
    sample = split.take(np.arange(min(len(split), _REAL)))
    for images, _ in _batches(sample):
        statistics.update(extractor(images).features.numpy())
    return statistics, len(sample)


def _compiled(model):
    return tf.function(
        lambda images, target: model((images, target), training=False),
        reduce_retracing=True,
        autograph=False,
    )
