"""Checkpoints from elsewhere: a file → arrays by name.

Nothing in a file is ever executed. PyTorch and safetensors are an extra: their
libraries are imported when such a file is read, and not before.
"""

import os
import pathlib
import re
import warnings
import zipfile
from collections.abc import Mapping

import numpy as np

from lit_tf import errors

# What a training script calls the weights among the other things it saves.
_NESTS = ("state_dict", "model_state_dict", "model", "net")
# PyTorch's DataParallel puts it in front of every name.
_PREFIX = "module."
# A counter of BatchNorm that nothing computes with.
_COUNTER = "num_batches_tracked"
# What `torch.load` says of a pickle that asks for more than tensors.
_CODE = re.compile(
    "GLOBAL|unrecognized function|Can only (create|build)|must be .+ to load"
)


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a checkpoint's arrays, as float32, by the names it gives them.

    The weights may be nested under `state_dict` and the like, and every name
    may start with `module.`; both are taken off. BatchNorm's counters are left
    out.

    Args:
        path: a file with one of the endings in `READERS`.

    Raises:
        SettingsError: its ending is another.
        DataError: it is missing, damaged, no checkpoint or wants to run code,
            or the library that reads it is not installed.
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
        raise errors.DataError(f"{path} holds no weights by name.")
    if all(name.startswith(_PREFIX) for name in arrays):
        arrays = {k.removeprefix(_PREFIX): v for k, v in arrays.items()}
    return {
        name: array
        for name, array in arrays.items()
        if name.rpartition(".")[2] != _COUNTER
    }


def _read_torch(path):
    torch = _torch(path)
    with path.open("rb") as file:
        start = file.read(2)
    if start[:1] == b"\x80" and start > b"\x80\x02":
        # PyTorch's own pickles are of protocol 2, and it can read no later one.
        raise errors.DataError(
            f"{path} is a bare pickle, which could run code, and was not read."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # On this machine, whatever device it was saved on.
            content = torch.load(path, map_location="cpu", weights_only=True)
        return _floats(torch, _unnested(content))
    except Exception as error:  # PyTorch raises whatever the damage provokes.
        if _CODE.search(str(error)):
            raise errors.DataError(
                f"{path} holds more than weights: it wants to run code, which "
                "was not run. Save its state_dict alone."
            ) from error
        raise _damaged(path, "PyTorch") from error


def _read_safetensors(path):
    torch = _torch(path)
    try:
        # Through PyTorch: NumPy knows no bfloat16.
        from safetensors.torch import load_file
    except ImportError as error:
        raise _missing(path, "safetensors") from error
    try:
        return _floats(torch, load_file(path))
    except Exception as error:  # A class of its own, or one of PyTorch's.
        raise _damaged(path, "safetensors") from error


def _read_npz(path):
    if not zipfile.is_zipfile(path):
        # NumPy would take it for a pickle.
        raise _damaged(path, "npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {k: v.astype(np.float32) for k, v in file.items()}
    except Exception as error:  # NumPy raises whatever the damage provokes.
        if "allow_pickle" in str(error):
            raise errors.DataError(
                f"{path} holds Python objects, which could run code and were "
                "not read."
            ) from error
        raise _damaged(path, "npz") from error


# A file's ending → what reads it: path → arrays by name, as they are.
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
        # CVE-2025-32434: with an older one `weights_only` can run code.
        raise errors.DataError(
            f"Reading {path} safely needs PyTorch 2.6 or newer. Received: "
            f"{torch.__version__}."
        )
    return torch


def _unnested(content):
    """Returns the weights of what a training script saved."""
    for name in _NESTS:
        if isinstance(content.get(name), Mapping):
            return _unnested(content[name])
    return content


def _floats(torch, tensors):
    return {
        str(name): tensor.detach().to(torch.float32).numpy()
        for name, tensor in tensors.items()
        if isinstance(tensor, torch.Tensor)
    }


def _missing(path, library):
    return errors.DataError(
        f"Reading {path} needs {library}: pip install 'lit_tf[torch]'."
    )


def _damaged(path, kind):
    return errors.DataError(
        f"{path} is not a whole {kind} checkpoint of weights: it was cut off, "
        "or is of another format."
    )
