"""The settings with which the run in a run folder began."""

import contextlib
import pathlib
from typing import Any

from lit_tf.config import flatten
from lit_tf.training.run_folder import RunFolder
from lit_tf.utils import json_files


def recorded(workdir: str, *, overwrite: bool) -> dict[str, Any]:
    """Returns the settings with which the run in a folder began, as recorded.

    A run that was refused before it began left no results. Its folder may be
    used for other settings.

    Args:
        workdir: the folder.
        overwrite: whether the run in the folder is deleted.

    Returns:
        Settings by flag name, as the run's version wrote them; {} if no run
        began there, or the folder cannot be read or is damaged, which
        `run_folder.opened` reports.
    """
    folder = RunFolder(pathlib.Path(workdir))
    with contextlib.suppress(OSError):
        if folder.results and not overwrite:
            return _read(folder)
    return {}


def as_begun(settings: Any) -> Any:
    """Returns the settings with which the run in the folder continues.

    A run that an earlier version began keeps what that version computed with
    (see `flatten.as_begun`).

    Args:
        settings: a `Teach`, `Compress` or `Tune`; its session names the folder.
    """
    if not settings.session.workdir:
        return settings
    known = _read(RunFolder(pathlib.Path(settings.session.workdir)))
    if settings.session.overwrite or not known:
        return settings  # A new run; `opened` reports damage.
    return flatten.as_begun(settings, known)


def _read(folder):
    """Returns the recorded settings; {} if there are none, or are damaged."""
    try:
        known = json_files.parse(folder.config.read_bytes())["settings"]
    except (ValueError, KeyError, TypeError, OSError):
        return {}
    return known if isinstance(known, dict) else {}
