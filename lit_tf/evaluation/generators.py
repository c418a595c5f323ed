"""Generators on pictures and targets: are they obeyed, and whom are they like?

Whatever a generator makes is judged as it is made, and then forgotten.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import config, data, errors
from lit_tf.data import augment, targets
from lit_tf.evaluation import (
    feature_extractors,
    fid,
    image_similarity,
    inception_score,
)

_BATCH = 64
_REAL = 10_000  # Real pictures that FID compares with, at most.


def seen_by(session: config.Session) -> feature_extractors.Features | None:
    """Returns the features in which pictures are judged, None for none.

    Raises:
        SettingsError: two networks are named.
        DataError: a network's file is missing or damaged.
    """
    inception = session.inception_weights or session.download_inception
    errors.require(
        not (inception and session.feature_model),
        "`feature_model` and InceptionV3 cannot both judge.",
        feature_model=session.feature_model,
    )
    if session.feature_model:
        return feature_extractors.of_model(session.feature_model)
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
    seen: feature_extractors.Features | None = None,
    real: data.Split | None = None,
) -> dict[str, Any]:
    """Lets generators change every attribute of every picture, and judges.

    Args:
        models: generators by role.
        split: pictures and their attributes.
        names: of the attributes.
        exclusive: groups of them of which a target has exactly one.
        discriminator: images → [sources, logits of the attributes].
        reference: the role whom the others are compared with, "" for nobody.
        seen: the features of FID and Inception score; None for neither.
        real: pictures that FID compares with.

    Returns:
        `pictures`, how many were made by each; `discriminator_accuracy`, in how
        many the discriminator finds an attribute as it really is; of each role
        in `roles`: `attribute_accuracy`, in how many of the pictures that had
        to change it finds the changed attribute as it was asked for, also by
        attribute in `attributes`; `likeness` to the reference, whose `psnr` is
        None where all pictures are the same; `fid` and `inception_score`. With
        features their name in `features`, and the number of `real_pictures`.
    """
    results = {role: _Told() for role in models}
    asked = {role: _asked(model) for role, model in models.items()}
    made, known = 0, 0.0
    obeyed = {role: np.zeros(len(names)) for role in models}
    changed = np.zeros(len(names))
    for images, labels in _batches(split):
        logits = discriminator(images, training=False)[1].numpy()
        known += np.sum((logits > 0) == (labels > 0.5)) / len(names)
        for i, target in enumerate(targets.each(labels, names, exclusive)):
            made += len(target)
            moved = (target != labels).any(axis=1)
            changed[i] += moved.sum()
            pictures = {
                role: ask(images, tf.constant(target))
                for role, ask in asked.items()
            }
            for role, some in pictures.items():
                logits = discriminator(some, training=False)[1].numpy()
                right = (logits[:, i] > 0) == (target[:, i] > 0.5)
                obeyed[role][i] += np.sum(right & moved)
                if role != reference:
                    results[role].like(pictures.get(reference), some)
                if seen is not None:
                    results[role].look(seen(some))
    facts = {
        "pictures": made,
        "discriminator_accuracy": known / len(split),
        "roles": {},
    }
    for role, one in results.items():
        right = obeyed[role] / np.maximum(changed, 1)
        facts["roles"][role] = {
            "attribute_accuracy": float(obeyed[role].sum() / changed.sum()),
            "attributes": dict(zip(names, map(float, right), strict=True)),
        }
        if one.likeness.count:
            like = one.likeness.values
            # JSON has no infinity.
            like["psnr"] = like["psnr"] if like["l2"] else None
            facts["roles"][role]["likeness"] = like
    if seen is None:
        return facts
    statistics, count = _statistics(real, seen)
    for role, one in results.items():
        distance = fid.distance(statistics, one.statistics)
        facts["roles"][role]["fid"] = distance
        if one.score.count:
            facts["roles"][role]["inception_score"] = one.score.value
    return facts | {"features": seen.name, "real_pictures": count}


class _Told:
    """What is known of one generator so far."""

    def __init__(self):
        self.likeness = image_similarity.Likeness()
        self.statistics = fid.Statistics()
        self.score = inception_score.InceptionScore()

    def like(self, reference, pictures):
        if reference is not None:
            self.likeness.update(reference, pictures)

    def look(self, seen):
        self.statistics.update(seen.features.numpy())
        if seen.probabilities is not None:
            self.score.update(seen.probabilities.numpy())


def _batches(split):
    for start in range(0, len(split), _BATCH):
        here = slice(start, start + _BATCH)
        images = tf.constant(split.inputs[here])
        yield augment.unit(images), split.labels[here]


def _statistics(split, seen):
    """Returns what real pictures are like, and how many they were."""
    statistics = fid.Statistics()
    some = split.take(np.arange(min(len(split), _REAL)))
    for images, _ in _batches(some):
        statistics.update(seen(images).features.numpy())
    return statistics, len(some)


def _asked(model):
    return tf.function(
        lambda images, target: model((images, target), training=False),
        reduce_retracing=True,
    )
