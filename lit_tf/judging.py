"""Generators on pictures and targets: are they obeyed, and whom are they like?

Whatever a generator makes is judged as it is made, and then forgotten.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import config as configs
from lit_tf import data, errors, features, frechet, inception_score, likeness
from lit_tf.data import augment, targets

_BATCH = 64
_REAL = 10_000  # Real pictures that FID compares with, at most.


def seen_by(session: configs.Session) -> features.Features | None:
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
        return features.of_model(session.feature_model)
    if inception:
        return features.inception(
            session.inception_weights, download=session.download_inception
        )
    return None


def judge(
    models: Mapping[str, keras.Model],
    split: data.Split,
    names: Sequence[str],
    exclusive: Sequence[Sequence[str]] = (),
    *,
    discriminator: keras.Model | None = None,
    reference: str = "",
    seen: features.Features | None = None,
    real: data.Split | None = None,
) -> dict[str, Any]:
    """Lets generators change every attribute of every picture, and judges.

    Args:
        models: generators by role.
        split: pictures and their attributes.
        names: of the attributes.
        exclusive: groups of them of which a target has exactly one.
        discriminator: tells which attributes a picture has; None for nobody.
        reference: the role whom the others are compared with, "" for nobody.
        seen: the features of FID and Inception score; None for neither.
        real: pictures that FID compares with.

    Returns:
        `pictures`, how many were made by each; of each role in `roles` what
        was asked for: `attribute_accuracy`, the fraction of target attributes
        that the discriminator finds, also by attribute in `attributes`;
        `likeness` to the reference; `fid` and `inception_score`. With features
        their name in `features`, and the number of `real_pictures`.
    """
    told = {role: _Told(len(names)) for role in models}
    asked = {role: _asked(model) for role, model in models.items()}
    made = 0
    for start in range(0, len(split), _BATCH):
        images = augment.unit(tf.constant(split.inputs[start : start + _BATCH]))
        labels = split.labels[start : start + _BATCH]
        for target in targets.each(labels, names, exclusive):
            made += len(target)
            pictures = {
                role: ask(images, tf.constant(target))
                for role, ask in asked.items()
            }
            for role, some in pictures.items():
                if discriminator is not None:
                    told[role].obey(discriminator(some)[1], target)
                if reference and role != reference:
                    told[role].like.update(pictures[reference], some)
                if seen is not None:
                    told[role].look(seen(some))
    facts = {"pictures": made, "targets": len(names)}
    if seen is not None:
        statistics = frechet.Statistics()
        count = min(len(real), _REAL)
        for start in range(0, count, _BATCH):
            some = tf.constant(real.inputs[start : min(start + _BATCH, count)])
            statistics.update(seen(augment.unit(some)).features)
        facts |= {"features": seen.name, "real_pictures": count}
    facts["roles"] = roles = {}
    for role, one in told.items():
        roles[role] = {}
        if discriminator is not None:
            right = one.right / made
            roles[role]["attribute_accuracy"] = float(right.mean())
            roles[role]["attributes"] = dict(
                zip(names, map(float, right), strict=True)
            )
        if reference and role != reference:
            roles[role]["likeness"] = one.like.values()
        if seen is not None:
            roles[role]["fid"] = frechet.distance(statistics, one.statistics)
        if one.scored:
            roles[role]["inception_score"] = one.score.value
    return facts


class _Told:
    """What is known of one generator so far."""

    def __init__(self, attributes):
        self.right = np.zeros(attributes)
        self.like = likeness.Likeness()
        self.statistics = frechet.Statistics()
        self.score = inception_score.InceptionScore()
        self.scored = False

    def obey(self, logits, target):
        self.right += np.sum((np.asarray(logits) > 0) == (target > 0.5), axis=0)

    def look(self, seen):
        self.statistics.update(np.asarray(seen.features))
        if seen.probabilities is not None:
            self.score.update(np.asarray(seen.probabilities))
            self.scored = True


def _asked(model):
    return tf.function(
        lambda images, target: model((images, target), training=False),
        reduce_retracing=True,
    )
