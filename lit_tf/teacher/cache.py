"""The teacher's answers, kept: to N fixed variations of every example.

A teacher never changes, but an augmented image does. So each example is shown
in a few fixed variations, its views, by turns; the teacher is asked about each
once, and what it says is read from memory or from disk ever after. T_0 is not
kept: the student's stem, the teacher's frozen copy, gives it for little.
"""

import dataclasses
import functools
import hashlib
import json
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import data, errors
from lit_tf.config import Compress
from lit_tf.data import augment, batches
from lit_tf.sections import sectioned_model
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import array_store, cached_outputs
from lit_tf.utils import keyed_folder, text_format

_FORMAT = 1  # To be raised when what is kept changes its meaning.
_BATCH = 128
_TIMED = 3
_OUTPUT = "output"
_PURPOSE = {"train": "to train on", "validation": "to validate on"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """A split and its views: what is kept together, under one key."""

    split: data.Split
    crop: augment.Crop
    views: int
    key: keyed_folder.Key
    forms: array_store.Forms


class Cache:
    """Keeps a frozen teacher's answers to a data set, in memory or on disk.

    On disk they are found again by whoever has the same teacher, cut at the
    same places, the same data, variations, seed and dtype.

    Args:
        teacher: the teacher.
        twin: what `teacher.freeze` made of it.
        dataset: whose training and validation splits are answered.
        config: a compression whose `teacher_cache` is not "off".
        representations: whether anybody reads them; if not, as in KD, the
            logits alone are kept.
    """

    def __init__(
        self,
        teacher: SectionedModel,
        twin: keras.Model,
        dataset: data.Dataset,
        config: Compress,
        *,
        representations: bool = True,
    ):
        self._config = config
        self._store = (
            array_store.MemoryStore()
            if config.frozen.teacher_cache == "memory"
            else array_store.DiskStore(config.session.cache_dir)
        )
        # Half precision: what the teacher computes in or, of a teacher in
        # float32, the half that has more digits. Logits are kept as they are.
        _, *inner, output = twin.outputs
        computed_in = inner[0].dtype
        kept_in = "float16" if computed_in == "float32" else computed_in
        self._forms = {
            str(k): (tensor.shape[1:], tf.as_dtype(kept_in).as_numpy_dtype)
            for k, tensor in enumerate(inner if representations else (), 1)
        } | {_OUTPUT: (output.shape[1:], np.float32)}
        self._ask = _asker(twin, dataset.train, self._forms)
        about = {
            "format": _FORMAT,
            "teacher": sectioned_model.fingerprint(teacher),
            "graph": _graph(teacher),
            "computed_in": computed_in,
            "kept": {
                name: [*shape, np.dtype(type_).name]
                for name, (shape, type_) in self._forms.items()
            },
            "data": dataset.fingerprint,
            "seed": config.run.seed,
        }
        # Where nothing varies, one view is all there is.
        still = dataset.crop == augment.Crop()
        views = 1 if still else config.frozen.teacher_cache_views
        self._parts = {
            "train": self._part(
                dataset.train, dataset.crop, views, about | {"split": "train"}
            )
        }
        if dataset.validation is not None:
            self._parts["validation"] = self._part(
                dataset.validation,
                augment.Crop(),
                1,
                about | {"split": "validation"},
            )

    def open(self) -> cached_outputs.Answers:
        """Returns the answers, having asked for those that nobody had kept.

        Size and break-even are printed before anything is written.

        Raises:
            DataError: there is no room for them, or an answer is not finite in
                the dtype that it is kept in.
        """
        with self._store.locked(self._parts["train"].key):
            found, _ = self._look()
            for name, part in self._parts.items():
                if found[name] is None:
                    found[name] = self._store.create(
                        part.key,
                        part.forms,
                        functools.partial(self._fill, name),
                    )
        return self._dealt(found)

    def rehearse(self) -> tuple[cached_outputs.Answers, float]:
        """Tells what `open` would, and does nothing.

        Returns:
            Answers that are there or, where none are, of zeros that take no
            room; and the seconds that it would take to ask for the latter.

        Raises:
            DataError: there is no room for them.
        """
        found, seconds = self._look()
        for name, part in self._parts.items():
            if found[name] is None:
                found[name] = {
                    k: np.broadcast_to(np.zeros((), type_), shape)
                    for k, (shape, type_) in part.forms.items()
                }
        return self._dealt(found), seconds

    def _look(self):
        """Returns what is kept, and the seconds to ask for the rest."""
        found = {
            name: self._store.find(part.key, part.forms)
            for name, part in self._parts.items()
        }
        missing = [self._parts[n] for n, arrays in found.items() if not arrays]
        if not missing:
            print(f"cache     found in {self._store.place}", flush=True)
            return found, 0.0
        size = sum(array_store.size(part.forms) for part in missing)
        asking = self._seconds_an_example()
        seconds = asking * sum(part.views * len(part.split) for part in missing)
        saved = asking * sum(len(part.split) for part in self._parts.values())
        print(self._told(missing, size, seconds, saved), flush=True)
        free = self._store.free()
        if size > free:
            raise errors.DataError(
                f"The teacher's answers need {text_format.size(size)}, and "
                f"{self._store.place} has room for {text_format.size(free)}. "
                "Fewer "
                f"--teacher_cache_views, {self._store.alternative} or "
                "--teacher_cache=off."
            )
        return found, seconds

    def _told(self, missing, size, seconds, saved):
        what = " and ".join(
            f"{part.views} view{'s' * (part.views > 1)} of {len(part.split):,} "
            f"examples {_PURPOSE[part.key['split']]}"
            for part in missing
        )
        epochs = self._config.lit.epochs + self._config.fine_tune.epochs
        late = seconds > saved * epochs
        return (
            f"cache     {what}: {text_format.size(size)} in "
            f"{self._store.place}. "
            f"To ask takes about {text_format.duration(seconds)} and saves "
            f"{text_format.duration(saved)} an epoch: it pays after "
            f"{seconds / saved:.1f} of {epochs} epochs"
            + (", so --teacher_cache=off is faster." if late else ".")
        )

    def _dealt(self, found):
        return cached_outputs.Answers(
            **{
                name: cached_outputs.Kept(
                    seed=self._config.run.seed,
                    views=self._parts[name].views,
                    output=arrays.pop(_OUTPUT),
                    representations={int(k): a for k, a in arrays.items()},
                )
                for name, arrays in found.items()
            }
        )

    def _part(self, split, crop, views, about):
        return _Part(
            split=split,
            crop=crop,
            views=views,
            key=about | {"variation": repr(crop), "views": views},
            forms={
                name: ((views, len(split), *shape), np.dtype(type_))
                for name, (shape, type_) in self._forms.items()
            },
        )

    def _seconds_an_example(self):
        images = tf.constant(self._parts["train"].split.inputs[:_BATCH])
        times = []
        for _ in range(1 + _TIMED):  # The first of which compiles.
            started = time.perf_counter()
            self._ask(images)[-1].numpy()
            times.append(time.perf_counter() - started)
        return min(times[1:]) / len(images)

    def _fill(self, name, arrays):
        part = self._parts[name]
        for view in range(part.views):
            start = 0
            for inputs in batches.view(
                part.split,
                view=view,
                batch_size=_BATCH,
                seed=self._config.run.seed,
                crop=part.crop,
            ):
                *answers, finite = (x.numpy() for x in self._ask(inputs))
                end = start + len(inputs)
                for k, values, good in zip(
                    arrays, answers, finite, strict=True
                ):
                    if not good:
                        raise _not_finite(k, values.dtype)
                    arrays[k][view, start:end] = values
                start = end
            if name == "train":
                print(f"cache     view {view + 1}/{part.views}", flush=True)


def _asker(twin, split, forms):
    """Returns a traced function: inputs → what is kept, and if it is finite."""

    def ask(inputs):
        *representations, output = twin(inputs, training=False)
        results = {str(k): tensor for k, tensor in enumerate(representations)}
        results[_OUTPUT] = output
        kept = [
            tf.cast(results[name], type_) for name, (_, type_) in forms.items()
        ]
        finite = [
            tf.reduce_all(tf.math.is_finite(tf.cast(values, tf.float32)))
            for values in kept
        ]
        return *kept, tf.stack(finite)

    form = tf.TensorSpec([None, *split.inputs.shape[1:]], split.inputs.dtype)
    return tf.function(ask, input_signature=[form])


def _not_finite(name, dtype):
    what = "logits" if name == _OUTPUT else f"representation {name}"
    return errors.DataError(
        f"The teacher's {what} must be finite in {dtype}, which they are kept "
        "in. --teacher_dtype=bfloat16 has a wider range; --teacher_cache=off "
        "keeps none."
    )


def _graph(teacher: SectionedModel) -> str:
    """Returns a hash of what a teacher computes, but for its weights."""
    parts = [teacher.stem, *teacher.sections, teacher.head]
    results: list[Any] = [keras.saving.serialize_keras_object(p) for p in parts]
    text = json.dumps(results, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
