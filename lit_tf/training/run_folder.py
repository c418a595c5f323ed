"""Run folder: its paths, its lock and the settings of the run it belongs to."""

import contextlib
import datetime
import fcntl
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

from lit_tf import errors
from lit_tf.config import flatten
from lit_tf.utils import atomic_files, json_files, versions

# Results of a run or a search. Some are patterns: a trial's folder is named by
# the value that it tries.
_RESULTS = (
    "teacher",
    "checkpoints",
    "logs",
    "metrics.jsonl",
    "report.json",
    "report.md",
    "report.html",
    "export_*.json",
    "classes.json",
    "curves.png",
    "samples",
    "teacher.keras",
    "discriminator.keras",
    "student.keras",
    "preprocessor",
    "saved_model",
    "temperature=*",
    "alpha=*",
    "beta=*",
    "tune.json",
    "tuned.flags",
)
# Everything that a run or a search writes, and that --overwrite removes.
_WRITTEN = (
    "config.json",
    "recipe.flags",
    "dry_run.txt",
    "rehearsal.txt",  # The same file in version 0.1.
    "events.out.tfevents.tune",
    *_RESULTS,
)


class RunFolder:
    """The paths in a run folder, and facts that its run must not change.

    Args:
        path: the folder; `opened` locks it.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.config = path / "config.json"
        self.checkpoints = path / "checkpoints"
        self.logs = path / "logs"
        self.metrics = path / "metrics.jsonl"
        self.report = path / "report.json"
        self.report_text = path / "report.md"
        self.report_page = path / "report.html"
        self.classes = path / "classes.json"
        self.curves = path / "curves.png"
        self.samples = path / "samples"
        self.saved_model = path / "saved_model"
        self.preprocessor = path / "preprocessor"
        self.teacher = path / "teacher"

    @property
    def finished(self) -> bool:
        """Whether the run is complete: it has a report and a model."""
        models = (self.model(role) for role in ("teacher", "student"))
        return self.report.is_file() and any(p.is_file() for p in models)

    @property
    def results(self) -> list[str]:
        """Names of what a run, or a search, has left in the folder."""
        return [path.name for path in _existing(self.path, _RESULTS)]

    def model(self, role: str) -> pathlib.Path:
        """Returns the path of the model of a role, such as "student"."""
        return self.path / f"{role}.keras"

    def check(self) -> None:
        """Checks that the folder is still there.

        Raises:
            DataError: if it was removed or renamed during the run.
        """
        if not self.config.is_file():
            raise errors.DataError(
                f"{self.config} is gone: the run folder was removed or renamed "
                "during the run. Move it back to resume the run, or run the "
                "same command to start again."
            )

    def pinned(self, name: str) -> Any:
        """Returns the fact that `pin` recorded; None before that."""
        return _read(self.config).get(name)

    def pin(self, **facts: Any) -> None:
        """Records facts about the run that must be the same when it resumes.

        Args:
            **facts: JSON values by name, such as `data`, a hash of the data.

        Raises:
            DataError: if another value was recorded before.
        """
        known = _read(self.config)
        for name, value in facts.items():
            if known.get(name, value) != value:
                raise errors.DataError(
                    f"The run in {self.path} started with another {name}: "
                    f"{known[name]!r}. Received: {value!r}. Restore the "
                    f"former {name}, or start again with --overwrite."
                )
        if not facts.items() <= known.items():
            atomic_files.write_json(self.config, known | facts)


@contextlib.contextmanager
def opened(settings: Any, *, command: str = "") -> Iterator[RunFolder]:
    """Opens and locks the run folder that the settings name.

    The folder is created if necessary, and stays locked within the context.

    Args:
        settings: a `Teach`, `Compress` or `Tune`; its session names the folder.
        command: the command line, recorded for the user.

    Raises:
        DataError: if the folder cannot be written to, or another process uses
            it.
        SettingsError: if the folder belongs to a run with other settings.
    """
    path = pathlib.Path(settings.session.workdir)
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((path / ".lock").open("w"))
        except OSError as error:
            raise errors.DataError(
                f"The run folder {path} cannot be written to "
                f"({error.strerror}: {error.filename})."
            ) from error
        try:
            # The kernel releases the lock when the process ends or is killed.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise errors.DataError(
                f"Another process uses the run folder {path}."
            ) from None
        if settings.session.overwrite:
            _clear(path, settings)
        folder = RunFolder(path)
        _claim(folder, settings, command)
        yield folder


def _clear(path, settings):
    """Removes what earlier runs wrote, except the teacher of this run.

    Raises:
        SettingsError: if the run reads something else that would be removed.
    """
    removed = _existing(path, _WRITTEN)
    for name in ("teacher_weights", "discriminator_weights"):
        given = getattr(settings, name, "")
        if not given:
            continue
        read = pathlib.Path(given).resolve()
        holding = [one for one in removed if read.is_relative_to(one.resolve())]
        errors.require(
            read != path.resolve() and holding in ([], [path / "teacher"]),
            "--overwrite would remove a model that this run reads. Choose "
            "another --workdir.",
            **{name: given},
        )
        removed = [one for one in removed if one not in holding]
    for written in removed:
        atomic_files.remove(written)


def _existing(path, patterns):
    return [p for pattern in patterns for p in sorted(path.glob(pattern))]


def _claim(folder, all_settings, command):
    """Records the settings in the folder, unless it belongs to another run."""
    kind = type(all_settings).__name__
    # Through JSON, so that they equal what was written.
    settings = json.loads(json.dumps(flatten.identity(all_settings)))
    comparable = flatten.current(settings)
    results = folder.results
    if folder.config.is_file():
        known = _read(folder.config)
        if known["kind"] == kind and known["settings"] == comparable:
            return
        # A run that failed before it started left no results. Its folder may
        # be used for other settings.
        if results:
            _refuse(folder, known, kind, comparable)
    # The user may have put a teacher there, with its own config.json.
    elif set(results) - {"teacher"}:
        raise errors.DataError(
            f"{folder.path} holds {', '.join(results)} but no config.json, so "
            "the settings of that run are unknown. Choose another --workdir, "
            "or start again with --overwrite."
        )
    flags = [flatten.to_flag(name, value) for name, value in settings.items()]
    atomic_files.write_text(
        folder.path / "recipe.flags", "\n".join(flags) + "\n"
    )
    now = datetime.datetime.now(datetime.UTC)
    atomic_files.write_json(
        folder.config,
        {
            "kind": kind,
            "command": command,
            "started": now.isoformat(timespec="seconds"),
            "settings": settings,
            "versions": versions.installed(),
            "git_commit": _commit(),
        },
    )


def _read(path):
    try:
        known = json_files.parse(path.read_bytes())
        known["kind"]
        known["settings"] = flatten.current(known["settings"])
    except (ValueError, KeyError, AttributeError, TypeError, OSError):
        raise errors.DataError(
            f"{path} is damaged. Start again with --overwrite."
        ) from None
    return known


def _refuse(folder, known, kind, settings):
    if known["kind"] != kind:
        raise errors.SettingsError(
            f"{folder.path} belongs to a run of another command "
            f"({known['kind'].lower()}). Choose another --workdir, or start "
            "again with --overwrite."
        )
    raise errors.SettingsError(
        f"{folder.path} belongs to a run with other settings: "
        f"{flatten.differing(known['settings'], settings)}. Choose another "
        "--workdir, or start again with --overwrite."
    )


def _commit():
    """Returns the git commit of lit_tf; None outside a repository of its own.

    A package that is installed somewhere in a user's repository is not tracked
    by it.
    """
    try:
        _git("ls-files", "--error-unmatch", pathlib.Path(__file__).name)
        return _git("rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments):
    process = subprocess.run(
        ["git", *arguments],
        cwd=pathlib.Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=5,
        check=True,
    )
    return process.stdout.strip()
