"""Key of a cache: what the outputs of a teacher depend on."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from lit_tf import data
from lit_tf.sections import sectioned_model
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.utils import keyed_folder

_FORMAT = 1  # Raise it when the stored arrays change their meaning.
# Keras describes a layer by its module, among others. Moved modules keep their
# earlier names in the hash, so that caches made by version 0.1 are found.
_MODULES_IN_0_1 = {"lit_tf.layers.model_io": "lit_tf.layers.ends"}


def key(
    teacher: SectionedModel,
    dataset: data.Dataset,
    forms: Mapping[str, tuple[tuple[int, ...], Any]],
    *,
    computed_in: str,
    seed: int,
) -> keyed_folder.Key:
    """Returns the key that the caches of all splits of a dataset share.

    Args:
        teacher: the teacher, not frozen.
        dataset: the dataset.
        forms: shape of an example and dtype of each stored array, by name.
        computed_in: the dtype in which the frozen teacher computes.
        seed: the seed of the augmentation.
    """
    # The key of version 0.1: another key would not find its caches.
    return {
        "format": _FORMAT,
        "teacher": sectioned_model.fingerprint(teacher),
        "graph": _graph(teacher),
        "computed_in": computed_in,
        "kept": {
            name: [*shape, np.dtype(dtype).name]
            for name, (shape, dtype) in forms.items()
        },
        "data": dataset.fingerprint,
        "seed": seed,
    }


def _graph(teacher):
    """Returns a hash of the teacher's graph, its weights excluded."""
    parts = sectioned_model.parts_of(teacher)
    configs = [keras.saving.serialize_keras_object(part) for part in parts]
    text = json.dumps(configs, sort_keys=True, default=str)
    for name, name_in_0_1 in _MODULES_IN_0_1.items():
        text = text.replace(f'"{name}"', f'"{name_in_0_1}"')
    return hashlib.sha256(text.encode()).hexdigest()[:16]
