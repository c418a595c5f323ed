"""`TeacherCache`: stores the outputs of a frozen teacher for a whole dataset.

The teacher is frozen, but augmentation changes its inputs in every epoch. With
a cache, each example therefore has a fixed number of augmented versions, its
views, and the epochs take them in turn. The teacher runs once for each view;
later epochs, and later runs, read its outputs from memory or from disk.

T_0 is not stored: the student's stem, a frozen copy of the teacher's, computes
it at little cost.
"""

import functools
import time

import keras
import numpy as np
import tensorflow as tf

from lit_tf import config, data, errors
from lit_tf.data import batches, crops
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import array_store, cache_key, cache_parts
from lit_tf.teacher.cache_need import Need
from lit_tf.teacher.cached_outputs import CachedOutputs, CachedSplits
from lit_tf.utils import text_format

_BATCH = 128
_TIMED_BATCHES = 3
_OUTPUT = "output"


class TeacherCache:
    """Stores a frozen teacher's outputs for a dataset, in memory or on disk.

    On disk, a later run finds them if it has the same teacher (weights, graph
    and sections), data, augmentation, views, seed and dtype.

    Args:
        teacher: the teacher.
        frozen: the model that `teacher.frozen.freeze` made of it.
        dataset: the dataset, whose training and validation splits are cached.
        settings: the cache's settings; `teacher_cache` must be "memory" or
            "disk".
        seed: the seed of the augmentation.
        folder: the folder of caches on disk; not used with "memory".
        epochs: the epochs of all phases that read the cache, for the printed
            break-even.
        representations: whether the representations are stored too (default),
            or the output alone, as KD needs it.
    """

    def __init__(
        self,
        teacher: SectionedModel,
        frozen: keras.Model,
        dataset: data.Dataset,
        settings: config.Frozen,
        *,
        seed: int,
        folder: str,
        epochs: int,
        representations: bool = True,
    ):
        self._seed = seed
        self._epochs = epochs
        self._store = (
            array_store.MemoryStore()
            if settings.teacher_cache == "memory"
            else array_store.DiskStore(folder)
        )
        # Representations are stored in half precision: the teacher's dtype, or
        # float16, the more precise of the two, for a teacher in float32.
        # Logits are stored in float32.
        _, *inner, output = frozen.outputs
        computed_in = inner[0].dtype
        stored_in = "float16" if computed_in == "float32" else computed_in
        self._forms = {
            str(k): (tensor.shape[1:], tf.as_dtype(stored_in).as_numpy_dtype)
            for k, tensor in enumerate(inner if representations else (), 1)
        } | {_OUTPUT: (output.shape[1:], np.float32)}
        self._run_teacher = _teacher_function(
            frozen, dataset.train, self._forms
        )
        key = cache_key.key(
            teacher, dataset, self._forms, computed_in=computed_in, seed=seed
        )
        # Without augmentation all views are the same.
        augmented = dataset.crop != crops.Crop()
        views = settings.teacher_cache_views if augmented else 1
        self._parts = {
            "train": self._part(
                dataset.train, dataset.crop, views, key | {"split": "train"}
            )
        }
        if dataset.validation is not None:
            self._parts["validation"] = self._part(
                dataset.validation,
                crops.Crop(),
                1,
                key | {"split": "validation"},
            )

    def open(self) -> CachedSplits:
        """Returns the teacher's outputs, and computes those not yet stored.

        Prints their size and the break-even before anything is written.

        Raises:
            DataError: if there is no room for them, or an output is not finite
                in the dtype in which it is stored.
        """
        with self._store.locked(self._parts["train"].key):
            stored, _ = self._find()
            for name, part in self._parts.items():
                if stored[name] is None:
                    stored[name] = self._store.create(
                        part.key,
                        part.forms,
                        functools.partial(self._fill, name),
                    )
        return self._cached_splits(stored)

    def preview(self) -> tuple[CachedSplits, float]:
        """Prints what `open` would, without filling or writing anything.

        Returns:
            The outputs that are stored, with zeros that take no memory in place
            of the others; and the seconds that computing the others would take.

        Raises:
            DataError: if there is no room for them.
        """
        stored, seconds = self._find()
        for name, part in self._parts.items():
            if stored[name] is None:
                stored[name] = {
                    k: np.broadcast_to(np.zeros((), dtype), shape)
                    for k, (shape, dtype) in part.forms.items()
                }
        return self._cached_splits(stored), seconds

    def _find(self):
        """Returns the stored arrays, and the seconds to compute the others.

        The arrays of a part that is not stored are None.
        """
        stored, missing = self._stored()
        if not missing:
            print(f"cache     found in {self._store.place}", flush=True)
            return stored, 0.0
        need = self._need(missing)
        saved = need.teacher_seconds * sum(
            len(part.split) for part in self._parts.values()
        )
        line = cache_parts.describe(missing, need, saved, self._epochs)
        print(f"cache     {line}", flush=True)
        self._check_room(need.size)
        return stored, need.fill_seconds

    def need(self) -> Need:
        """Returns what the outputs need that are not yet stored."""
        return self._need(self._stored()[1])

    def check_room(self) -> None:
        """Checks that there is room for all outputs, as if none were stored.

        Raises:
            DataError: if there is not.
        """
        self._check_room(cache_parts.size(self._parts.values()))

    def _stored(self):
        """Returns the stored arrays by part, None if missing; missing parts."""
        stored = {
            name: self._store.find(part.key, part.forms)
            for name, part in self._parts.items()
        }
        return stored, [
            self._parts[n] for n, arrays in stored.items() if not arrays
        ]

    def _need(self, missing):
        per_example = self._seconds_per_example()
        output = {_OUTPUT: self._forms[_OUTPUT]}
        inner = {k: v for k, v in self._forms.items() if k != _OUTPUT}
        return Need(
            size=cache_parts.size(missing),
            free=self._store.free(),
            place=self._store.place,
            teacher_seconds=per_example,
            fill_seconds=per_example
            * sum(part.views * len(part.split) for part in missing),
            bytes_by_part={
                "output": cache_parts.size_of_example(output),
                "representations": cache_parts.size_of_example(inner),
            },
        )

    def _check_room(self, size):
        free = self._store.free()
        if size > free:
            raise errors.DataError(
                f"The teacher's cache needs {text_format.size(size)}, but "
                f"{self._store.place} has {text_format.size(free)} free. Use "
                f"fewer --teacher_cache_views, {self._store.alternative} or "
                "--teacher_cache=off."
            )

    def _cached_splits(self, stored):
        return CachedSplits(
            **{
                name: CachedOutputs(
                    seed=self._seed,
                    views=self._parts[name].views,
                    output=arrays.pop(_OUTPUT),
                    representations={int(k): a for k, a in arrays.items()},
                )
                for name, arrays in stored.items()
            }
        )

    def _part(self, split, crop, views, key):
        return cache_parts.Part(
            split=split,
            crop=crop,
            views=views,
            # The augmentation; "variation" stays because stored caches have it.
            key=key | {"variation": repr(crop), "views": views},
            forms={
                name: ((views, len(split), *shape), np.dtype(dtype))
                for name, (shape, dtype) in self._forms.items()
            },
        )

    def _seconds_per_example(self):
        """Measures how long the teacher takes for an example."""
        split = self._parts["train"].split
        inputs = tf.nest.map_structure(tf.constant, split.read(0, _BATCH))
        times = []
        for _ in range(1 + _TIMED_BATCHES):  # The first one compiles.
            started = time.perf_counter()
            self._run_teacher(inputs)[-1].numpy()
            times.append(time.perf_counter() - started)
        return min(times[1:]) / min(_BATCH, len(split))

    def _fill(self, name, arrays):
        """Runs the teacher on every view of a part and fills its arrays."""
        part = self._parts[name]
        for view in range(part.views):
            start = 0
            for inputs in batches.view(
                part.split,
                view=view,
                batch_size=_BATCH,
                seed=self._seed,
                crop=part.crop,
            ):
                *outputs, finite = (
                    x.numpy() for x in self._run_teacher(inputs)
                )
                end = start + len(outputs[0])
                for k, values, is_finite in zip(
                    arrays, outputs, finite, strict=True
                ):
                    if not is_finite:
                        raise _not_finite(k, values.dtype)
                    arrays[k][view, start:end] = values
                start = end
            if name == "train":
                print(f"cache     view {view + 1}/{part.views}", flush=True)


def _teacher_function(frozen, split, forms):
    """Returns a traced function: inputs → each array to store, all finite?"""

    def run(inputs):
        *representations, output = frozen(inputs, training=False)
        results = {str(k): tensor for k, tensor in enumerate(representations)}
        results[_OUTPUT] = output
        stored = [
            tf.cast(results[name], dtype) for name, (_, dtype) in forms.items()
        ]
        finite = [
            tf.reduce_all(tf.math.is_finite(tf.cast(values, tf.float32)))
            for values in stored
        ]
        return *stored, tf.stack(finite)

    return tf.function(run, input_signature=[split.spec])


def _not_finite(name, dtype):
    name = "logits" if name == _OUTPUT else f"representation {name}"
    return errors.DataError(
        f"The teacher's {name} must be finite in {dtype}, the dtype of the "
        "cache. Received: nan or inf. Use --teacher_dtype=bfloat16, which has "
        "a wider range, or --teacher_cache=off."
    )
