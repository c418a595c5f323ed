"""The path of an export: whether it can be written, and what it replaces."""

import pathlib
import zipfile

from lit_tf import errors
from lit_tf.config.deployment import KINDS, SUFFIXES, Deployment
from lit_tf.interop import lite_model, saved_model
from lit_tf.utils import atomic_files

_SAVED_MODEL = {
    "saved_model.pb",
    "variables",
    "assets",
    saved_model.EXTRA,
    "fingerprint.pb",
}


def check(how: Deployment, path: str, overwrite: bool) -> pathlib.Path:
    """Returns the path to write, if it can be written.

    Args:
        how: the settings of the export, with the format of the path.
        path: the path of the file or folder.
        overwrite: whether an existing file of the same format is replaced.

    Raises:
        SettingsError: if the package that runs the file is missing.
        DataError: if it exists or cannot be written to.
    """
    target, suffix = pathlib.Path(path).resolve(), SUFFIXES[how.format]
    if how.format == "litert":
        lite_model.require_runtime()
    if suffix:
        atomic_files.check_writable(target)
    if target.exists():
        if not overwrite:
            raise errors.DataError(
                f"{target} exists. In Python overwrite=True replaces it, on "
                "the command line --overwrite replaces it."
            )
        if not _IS[how.format](target):
            raise errors.DataError(
                f"{target} is not a {KINDS[how.format]}, and nothing else is "
                "replaced."
            )
    return target


def _is_saved_model(path):
    content = {p.name for p in path.iterdir()} if path.is_dir() else {""}
    # An empty folder is replaced too.
    return content <= _SAVED_MODEL and (
        not content or "saved_model.pb" in content
    )


def _is_litert(path):
    with path.open("rb") as file:
        return file.read(8)[4:] == b"TFL3"


_IS = {
    "saved_model": _is_saved_model,
    "litert": _is_litert,
    "keras": zipfile.is_zipfile,
}
