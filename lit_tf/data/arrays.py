"""The user's own arrays in a NumPy .npz file."""

import pathlib
import zipfile

import numpy as np

from lit_tf import config, errors
from lit_tf.data import augment, held_out, statistics
from lit_tf.data.dataset import Dataset, Source, Split

_NAME = "npz"


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads `x_train`, `y_train` and, optionally, `x_test` and `y_test`.

    Inputs are `[examples, ...]` in the form that the model takes. Labels are
    `[examples]`, whole numbers from 0. Without a test split, a tenth of the
    examples, at most 1,999, becomes the test split (`held_out.draw`).

    Args:
        data_dir: the file, or a folder with exactly one .npz file.
        download: not used.
        settings: not used.

    Raises:
        DataError: if there is no such file, it is damaged, or its arrays are
            not as described.
    """
    del download, settings
    path = find(pathlib.Path(data_dir)) if data_dir else None
    if path is None:
        raise errors.DataError(
            f"No .npz file in --data_dir={data_dir!r}. Name the file, or the "
            "folder that holds one."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise errors.DataError(
            f"{path} cannot be read as an .npz file of numbers "
            f"({errors.line(error)})."
        ) from error
    train = _split(path, arrays, "train")
    if "x_test" in arrays:
        test = _split(path, arrays, "test")
    else:
        is_test = held_out.draw(len(train))
        test = train.take(np.flatnonzero(is_test))
        train = train.take(np.flatnonzero(~is_test))
    if test.inputs.shape[1:] != train.inputs.shape[1:]:
        raise errors.DataError(
            f"All inputs in {path} must have one shape. Received: "
            f"{train.inputs.shape[1:]} and {test.inputs.shape[1:]}."
        )
    count = int(max(train.labels.max(), test.labels.max())) + 1
    if count < 2:
        raise errors.DataError(
            f"There must be at least two classes in {path}. Received: labels "
            "that are all 0."
        )
    return Dataset(
        name=_NAME,
        train=train,
        test=test,
        classes=tuple(map(str, range(count))),
        stem=statistics.mean_and_std(train),
        crop=SOURCE.crop,
        note=f"{len(train):,} training and {len(test):,} test examples of "
        f"{count} classes, from {path.name}",
    )


def find(path: pathlib.Path) -> pathlib.Path | None:
    """Returns an .npz file: the path itself, or the only one in the folder.

    Returns:
        None if the path is neither an .npz file nor a folder with exactly one.
    """
    if path.is_file() and path.suffix == ".npz":
        return path
    files = sorted(path.glob("*.npz")) if path.is_dir() else []
    return files[0] if len(files) == 1 else None


def _split(path, arrays, part):
    missing = [f"{name}_{part}" for name in "xy"]
    missing = [name for name in missing if name not in arrays]
    if missing:
        raise errors.DataError(
            f"{path} must hold {' and '.join(missing)}. Received: "
            f"{', '.join(arrays) or 'nothing'}."
        )
    inputs, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    integers = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    if not integers or not len(labels) or labels.min() < 0:
        raise errors.DataError(
            f"y_{part} of {path} must be whole numbers from 0, [examples]. "
            f"Received: {labels.dtype} {list(labels.shape)}. (For other kinds "
            "of labels use Python: lit_tf.LIT(…, outputs=…).)"
        )
    if len(inputs) != len(labels):
        raise errors.DataError(
            f"{path} must have one label for each input. Received: "
            f"{len(inputs)} of x_{part}, {len(labels)} of y_{part}."
        )
    if inputs.dtype.kind == "f" and not np.isfinite(inputs).all():
        raise errors.DataError(
            f"x_{part} of {path} must be finite. Received: nan or inf."
        )
    if inputs.dtype == np.float64:
        inputs = inputs.astype(np.float32)
    return Split(inputs, labels.astype(np.int32))


SOURCE = Source(
    load=load,
    # Shape, classes and statistics are known from the file alone.
    input_shape=lambda _: (),
    classes=lambda _: (),
    stem=lambda _: {},
    crop=augment.Crop(),
)
