"""The user's own arrays in a NumPy .npz file."""

import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import (
    augment,
    class_numbers,
    held_out,
    image_files,
    statistics,
)
from lit_tf.data.dataset import Dataset, Source, Split
from lit_tf.utils import npz_files

_NAME = "npz"
_VALIDATION = ("val", "valid", "validation")


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
    cache_dir: str = "",
) -> Dataset:
    """Loads `x_train`, `y_train` and, optionally, `x_test` and `y_test`.

    Inputs are `[examples, ...]` in the form that the model takes. Labels are
    `[examples]`, whole numbers from 0. Without a test split, a tenth of the
    examples, at most 1,999, becomes the test split (`held_out.draw`). The
    validation split is `x_val` and `y_val`, if the file has them.

    Args:
        data_dir: the file, or a folder with exactly one .npz file.
        download: not used.
        settings: not used.
        cache_dir: not used.

    Raises:
        DataError: if there is no such file, it is damaged, or its arrays are
            not as described.
    """
    del download, settings, cache_dir
    path = _find(data_dir)
    arrays = npz_files.read(path)
    train = _split(path, arrays, "train")
    if "x_test" in arrays:
        test = _split(path, arrays, "test")
    else:
        is_test = held_out.draw(len(train))
        test = train.take(np.flatnonzero(is_test))
        train = train.take(np.flatnonzero(~is_test))
    validation = None
    for part in _VALIDATION:
        if f"x_{part}" in arrays:
            validation = _split(path, arrays, part)
    splits = [split for split in (train, test, validation) if split]
    shapes = [split.inputs.shape[1:] for split in splits]
    if len(set(shapes)) > 1:
        raise errors.DataError(
            f"All inputs in {path} must have one shape. Received: "
            f"{' and '.join(map(str, shapes))}."
        )
    if not len(train) or not len(test):
        raise errors.DataError(
            f"{path} must hold at least one training example and one test "
            f"example. Received: {len(train)} and {len(test)}."
        )
    largest = max(int(split.labels.max()) for split in splits)
    if largest < 1:
        raise errors.DataError(
            f"There must be at least two classes in {path}. Received: labels "
            "that are all 0."
        )
    class_numbers.check_count(
        largest, sum(map(len, splits)), name=f"y_train and y_test of {path}"
    )
    counts = f"{len(train):,} training"
    if validation:
        counts += f", {len(validation):,} validation"
    return Dataset(
        name=_NAME,
        train=train,
        test=test,
        validation=validation,
        classes=tuple(map(str, range(largest + 1))),
        stem=statistics.mean_and_std(train),
        crop=SOURCE.crop,
        note=f"{counts} and {len(test):,} test examples of {largest + 1} "
        f"classes, from {image_files.printable(path.name)}",
    )


def files_in(path: pathlib.Path) -> list[pathlib.Path]:
    """Returns the .npz files in a folder, or the path itself, sorted."""
    if path.is_file():
        return [path] if path.suffix == ".npz" else []
    files = path.glob("*.npz")
    return sorted(file for file in files if not file.name.startswith("."))


def _find(data_dir):
    files = files_in(pathlib.Path(data_dir)) if data_dir else []
    if not files:
        raise errors.DataError(
            image_files.missing("No .npz file", data_dir)
            + " Name the file, or the folder that holds one."
        )
    if len(files) > 1:
        names = ", ".join(image_files.printable(file.name) for file in files)
        raise errors.DataError(
            f"--data_dir={data_dir!r} must hold one .npz file. Received: "
            f"{len(files)}, {names[:200]}. Name one: --data_dir={files[0]}."
        )
    return files[0]


def _split(path, arrays, part):
    missing = [f"{name}_{part}" for name in "xy"]
    missing = [name for name in missing if name not in arrays]
    if missing:
        raise errors.DataError(
            f"{path} must hold {' and '.join(missing)}. Received: "
            f"{image_files.printable(', '.join(arrays)[:200]) or 'nothing'}."
        )
    inputs, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    labels = class_numbers.check(labels, name=f"y_{part} of {path}")
    if not inputs.ndim or len(inputs) != len(labels):
        count = len(inputs) if inputs.ndim else "one number"
        raise errors.DataError(
            f"{path} must have one label for each input. Received: "
            f"{count} of x_{part}, {len(labels)} of y_{part}."
        )
    if inputs.dtype.kind not in "iufb" or 0 in inputs.shape:
        raise errors.DataError(
            f"x_{part} of {path} must be real numbers, [examples, …]. "
            f"Received: {inputs.dtype} {list(inputs.shape)}."
        )
    # Both are nan if any element is.
    if not np.isfinite([inputs.min(), inputs.max()]).all():
        raise errors.DataError(
            f"x_{part} of {path} must be finite. Received: nan or inf."
        )
    if inputs.dtype == np.float64:
        inputs = arrays[f"x_{part}"] = inputs.astype(np.float32)
    return Split(inputs, labels)


SOURCE = Source(
    load=load,
    # Shape, classes and statistics are known from the file alone.
    input_shape=lambda _: (),
    classes=lambda _: (),
    stem=lambda _: {},
    crop=augment.Crop(),
)
