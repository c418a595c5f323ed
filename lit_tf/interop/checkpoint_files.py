"""Readers of checkpoint files: PyTorch, safetensors and NumPy.

Code in a file is never executed. PyTorch and safetensors are optional
dependencies: they are imported only when such a file is read.
"""

import os
import pathlib
import re
import warnings
from collections.abc import Mapping

import numpy as np

from lit_tf import errors
from lit_tf.utils import memory, npz_files

# Names under which training scripts save the weights among other things.
# Averages of weights are read only if the weights themselves are missing.
_NESTS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net"),
    *("state_dict_ema", "model_ema", "ema_state_dict", "ema"),
)
# What wrappers put before every name: DataParallel, `torch.compile`, and a
# module that has the model as an attribute.
_PREFIXES = ("module.", "_orig_mod.", "model.")
# BatchNorm's counter of batches, which inference does not use.
_COUNTER = "num_batches_tracked"
_ZIP = b"PK\3\4"  # By which PyTorch tells its two formats apart.
# Messages of `torch.load` for a pickle with more than tensors.
_CODE = re.compile(
    "GLOBAL|unrecognized function|Can only (create|build)|must be .+ to load"
)


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a checkpoint's weights.

    The weights may be nested under a name such as `state_dict`, and every name
    may start with prefixes such as `module.` or `_orig_mod.`; all of these are
    removed. BatchNorm's counters of batches are omitted.

    Args:
        path: a file with one of the suffixes in `READERS`.

    Returns:
        Float32 arrays by name.

    Raises:
        SettingsError: if the suffix is another.
        DataError: if the file is missing, damaged, not a checkpoint or contains
            code, or the library that reads it is not installed.
    """
    path = pathlib.Path(path)
    if path.suffix not in READERS:
        raise errors.SettingsError(
            f"A checkpoint must end in {', '.join(READERS)}. Received: {path}."
        )
    if not path.is_file():
        raise errors.DataError(f"There is no checkpoint {path}.")
    arrays = READERS[path.suffix](path)
    if not arrays:
        raise errors.DataError(f"{path} holds no named weights.")
    while prefix := _common_prefix(arrays):
        arrays = {k.removeprefix(prefix): v for k, v in arrays.items()}
    return {
        name: array
        for name, array in arrays.items()
        if name.rpartition(".")[2] != _COUNTER
    }


def _common_prefix(names):
    """Returns the prefix of a wrapper that all names have; "" if none."""
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in names):
            return prefix
    return ""


def _read_torch(path):
    torch = _torch(path)
    with path.open("rb") as file:
        start = file.read(4)
    if start[:1] == b"\x80" and start[:2] > b"\x80\x02":
        # PyTorch writes protocol 2 and cannot read later ones safely.
        raise errors.DataError(
            f"{path} is a plain pickle, which could run code. It was not read."
        )
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            source = path if start == _ZIP else memory.CappedReads(file)
            if source == path:
                _check_unpacked(path)
            # The file may come from a device that this machine lacks.
            content = torch.load(source, map_location="cpu", weights_only=True)
        return _floats(torch, path, _unnested(content))
    except errors.DataError:
        raise
    except Exception as error:  # Damaged files raise many kinds of errors.
        if _CODE.search(str(error)):
            raise errors.DataError(
                f"{path} holds more than weights: it contains code, which was "
                "not run. Save its state_dict alone."
            ) from error
        raise _damaged(path, "PyTorch") from error


def _read_safetensors(path):
    torch = _torch(path)
    try:
        # Through PyTorch: NumPy has no bfloat16.
        from safetensors.torch import load_file
    except ImportError as error:
        raise _missing(path, "safetensors") from error
    try:
        return _floats(torch, path, load_file(path))
    except errors.DataError:
        raise
    except Exception as error:  # Damaged files raise many kinds of errors.
        raise _damaged(path, "safetensors") from error


def _read_npz(path):
    try:
        arrays = npz_files.read(path)
    except npz_files.DamagedError as error:
        raise _damaged(path, "npz") from error
    if any(array.dtype.kind not in "iufb" for array in arrays.values()):
        raise _damaged(path, "npz")
    _check_floats(path, sum(array.size for array in arrays.values()))
    return {k: v.astype(np.float32) for k, v in arrays.items()}


# Readers by suffix: functions of a path that return arrays by name.
READERS = {
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".th": _read_torch,
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
}


def _torch(path):
    try:
        import torch
    except ImportError as error:
        raise _missing(path, "PyTorch") from error
    major, minor = map(int, torch.__version__.split(".")[:2])
    if (major, minor) < (2, 6):
        # CVE-2025-32434: `weights_only` of older versions can run code.
        raise errors.DataError(
            f"Reading {path} safely needs PyTorch 2.6 or newer. Received: "
            f"{torch.__version__}."
        )
    return torch


def _unnested(content):
    """Returns the weights from the content of a checkpoint."""
    for name in _NESTS:
        if isinstance(content.get(name), Mapping):
            return _unnested(content[name])
    return content


def _floats(torch, path, tensors):
    tensors = {
        str(name): tensor.detach()
        for name, tensor in tensors.items()
        if isinstance(tensor, torch.Tensor)
    }
    if any(map(torch.is_complex, tensors.values())):
        raise errors.DataError(
            f"{path} holds complex numbers, which are no weights of a model."
        )
    # A tensor may repeat one stored number any number of times.
    _check_floats(path, sum(tensor.numel() for tensor in tensors.values()))
    return {k: v.to(torch.float32).numpy() for k, v in tensors.items()}


def _check_floats(path, count):
    memory.check(path, 4 * count, what="its weights")


def _check_unpacked(path):
    """Refuses a PyTorch file that unpacks to much more than its size."""
    sizes = memory.check_archive(path)
    pickles = (size for k, size in sizes.items() if k.endswith("data.pkl"))
    # One byte of a pickle can make an object of 64 bytes.
    memory.check(path, 64 * sum(pickles), what="its objects")


def _missing(path, library):
    return errors.DataError(
        f"Reading {path} needs {library}: pip install 'lit_tf[torch]'."
    )


def _damaged(path, kind):
    return errors.DataError(
        f"{path} is not a complete {kind} checkpoint of weights: it was cut "
        "off or has another format."
    )
