"""The user's own arrays in a NumPy .npz file."""

import pathlib

import numpy as np

from lit_tf import config, errors
from lit_tf.data import (
    class_numbers,
    crops,
    held_out,
    image_files,
    split_names,
    statistics,
)
from lit_tf.data.alike import check_alike
from lit_tf.data.dataset import Dataset, Source, Split
from lit_tf.utils import npz_files

_NAME = "npz"
_X = "x"  # The name of a single input.


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

    Several inputs have an array of each name, such as `image_train` and
    `metadata_train`. They become a dictionary.

    Args:
        data_dir: the file, or a folder with exactly one .npz file.
        download: not used.
        settings: the names of the inputs; () for one input, x.
        cache_dir: not used.

    Raises:
        DataError: if there is no such file, it is damaged, or its arrays are
            not as described.
    """
    del download, cache_dir
    settings = settings or config.Data(dataset=_NAME)
    path = _find(data_dir)
    arrays = npz_files.read(path)
    names = settings.inputs or (_X,)

    def split(part):
        inputs, labels = _read(path, arrays, part, names)
        return Split(inputs if settings.inputs else inputs[_X], labels)

    def has(part):
        return any(f"{name}_{part}" in arrays for name in names)

    train = split("train")
    if has("test"):
        test = split("test")
    else:
        is_test = held_out.draw(len(train))
        test = train.take(np.flatnonzero(is_test))
        train = train.take(np.flatnonzero(~is_test))
    part = next(filter(has, split_names.VALIDATION), None)
    validation = split(part) if part else None
    splits = [one for one in (train, test, validation) if one]
    check_alike(splits, str(path))
    if not len(train) or not len(test):
        raise errors.DataError(
            f"{path} must hold at least one training example and one test "
            f"example. Received: {len(train)} and {len(test)}."
        )
    largest = max(int(one.labels.max()) for one in splits)
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
        f"classes, from {image_files.printable(path.name)}"
        + ("" if has("test") else f"; {held_out.NOTE}"),
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


def _read(path, arrays, part, names):
    """Returns the inputs of a split by name, and its labels."""
    missing = [f"{name}_{part}" for name in (*names, "y")]
    missing = [name for name in missing if name not in arrays]
    if missing:
        raise errors.DataError(
            f"{path} must hold {' and '.join(missing)}. Received: "
            f"{image_files.printable(', '.join(arrays)[:200]) or 'nothing'}."
            f"{_several(arrays, part) if names == (_X,) else ''}"
        )
    labels = class_numbers.check(
        arrays[f"y_{part}"], name=f"y_{part} of {path}"
    )
    inputs = {name: _input(path, arrays, name, part, labels) for name in names}
    return inputs, labels


def _several(arrays, part):
    """Returns how to read arrays of other names than x; "" without any."""
    names = [
        name.removesuffix(f"_{part}")
        for name in arrays
        if name.endswith(f"_{part}") and name not in (f"x_{part}", f"y_{part}")
    ]
    if not names or f"{_X}_{part}" in arrays:
        return ""
    listed = image_files.printable(",".join(names)[:100])
    return f" To read inputs of other names: --inputs={listed}."


def _input(path, arrays, name, part, labels):
    """Returns the array of one input of a split."""
    array = arrays[f"{name}_{part}"]
    if not array.ndim or len(array) != len(labels):
        count = len(array) if array.ndim else "one number"
        raise errors.DataError(
            f"{path} must have one label for each input. Received: "
            f"{count} of {name}_{part}, {len(labels)} of y_{part}."
        )
    if array.dtype.kind not in "iufb" or 0 in array.shape:
        raise errors.DataError(
            f"{name}_{part} of {path} must be real numbers, [examples, …]. "
            f"Received: {array.dtype} {list(array.shape)}."
        )
    # Both are nan if any element is.
    if not np.isfinite([array.min(), array.max()]).all():
        raise errors.DataError(
            f"{name}_{part} of {path} must be finite. Received: nan or inf."
        )
    if array.dtype == np.float64:
        array = arrays[f"{name}_{part}"] = array.astype(np.float32)
    return array


SOURCE = Source(
    load=load,
    # Shape, classes and statistics are known from the file alone.
    input_shape=lambda _: (),
    classes=lambda _: (),
    stem=lambda _: {},
    crop=crops.Crop(),
    named_inputs=True,
)
