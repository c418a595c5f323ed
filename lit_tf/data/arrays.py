"""Anybody's own arrays, in a file of NumPy's."""

import pathlib
import zipfile

import numpy as np

from lit_tf import config, errors
from lit_tf.data import augment, images, statistics
from lit_tf.data.dataset import Dataset, Source, Split

_NAME = "npz"


def load(
    data_dir: str = "",
    download: bool = False,
    settings: config.Data | None = None,
) -> Dataset:
    """Loads an .npz file: `x_train`, `y_train` and, if they are, `x_test`, …

    Inputs are `[examples, ...]`, as the model takes them; labels `[examples]`,
    whole numbers from 0. Without `x_test` and `y_test` a tenth of the examples,
    at most 1,999, is to test on: always the same ones of as many.

    Args:
        data_dir: the file, or a folder with one such file.
        download: unused.
        settings: unused.

    Raises:
        DataError: there is no such file, it is damaged, or what it holds is not
            that.
    """
    del download, settings
    path = found(pathlib.Path(data_dir)) if data_dir else None
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
        chosen = images.drawn(len(train))
        test = train.take(np.flatnonzero(chosen))
        train = train.take(np.flatnonzero(~chosen))
    if test.inputs.shape[1:] != train.inputs.shape[1:]:
        raise errors.DataError(
            f"{path} must have inputs of one shape. Received: "
            f"{train.inputs.shape[1:]} and {test.inputs.shape[1:]}."
        )
    count = int(max(train.labels.max(), test.labels.max())) + 1
    if count < 2:
        raise errors.DataError(
            f"There must be two classes at least in {path}. Received: labels "
            "that are all 0."
        )
    return Dataset(
        name=_NAME,
        train=train,
        test=test,
        classes=tuple(map(str, range(count))),
        stem=statistics.of(train),
        crop=SOURCE.crop,
        note=f"{len(train):,} training and {len(test):,} test examples of "
        f"{count} classes, from {path.name}",
    )


def found(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the file that a path is or, of a folder, the one that it has."""
    if path.is_file() and path.suffix == ".npz":
        return path
    files = sorted(path.glob("*.npz")) if path.is_dir() else []
    return files[0] if len(files) == 1 else None


def _split(path, arrays, which):
    missing = [f"{name}_{which}" for name in "xy"]
    missing = [name for name in missing if name not in arrays]
    if missing:
        raise errors.DataError(
            f"{path} must hold {' and '.join(missing)}. Received: "
            f"{', '.join(arrays) or 'nothing'}."
        )
    inputs, labels = arrays[f"x_{which}"], arrays[f"y_{which}"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    whole = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    if not whole or not len(labels) or labels.min() < 0:
        raise errors.DataError(
            f"y_{which} of {path} must be whole numbers from 0, [examples]. "
            f"Received: {labels.dtype} {list(labels.shape)}. (Other labels are "
            "learned in Python: lit_tf.LIT(…, outputs=…).)"
        )
    if len(inputs) != len(labels):
        raise errors.DataError(
            f"{path} must have a label for each input. Received: "
            f"{len(inputs)} of x_{which}, {len(labels)} of y_{which}."
        )
    if inputs.dtype.kind == "f" and not np.isfinite(inputs).all():
        raise errors.DataError(
            f"x_{which} of {path} must be finite. Received: nan or inf."
        )
    if inputs.dtype == np.float64:
        inputs = inputs.astype(np.float32)
    return Split(inputs, labels.astype(np.int32))


SOURCE = Source(
    load=load,
    # Only the file tells.
    input_shape=lambda _: (),
    classes=lambda _: (),
    stem=lambda _: {},
    crop=augment.Crop(),
)
