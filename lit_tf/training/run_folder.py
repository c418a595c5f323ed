"""A run's folder: whose it is, what ran in it, and who writes to it now."""

import contextlib
import datetime
import fcntl
import importlib.metadata
import json
import pathlib
import platform
import subprocess
from collections.abc import Iterator
from typing import Any

from lit_tf import errors
from lit_tf.config import flatten
from lit_tf.utils import atomic_files

# All that a run or a search writes, and so all that --overwrite removes: what
# it is, and what came of it. Patterns: a search has trials of any value.
_RESULTS = (
    "teacher",
    "checkpoints",
    "logs",
    "metrics.jsonl",
    "report.json",
    "report.md",
    "curves.png",
    "samples",
    "teacher.keras",
    "discriminator.keras",
    "student.keras",
    "saved_model",
    "temperature=*",
    "alpha=*",
    "beta=*",
    "tune.json",
    "tuned.flags",
)
_OURS = (
    "config.json",
    "recipe.flags",
    "rehearsal.txt",
    "events.out.tfevents.tune",
    *_RESULTS,
)


class RunFolder:
    """The paths of a run folder that `opened` has locked."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        self.config = path / "config.json"
        self.checkpoints = path / "checkpoints"
        self.logs = path / "logs"
        self.metrics = path / "metrics.jsonl"
        self.report = path / "report.json"
        self.report_text = path / "report.md"
        self.curves = path / "curves.png"
        self.samples = path / "samples"
        self.saved_model = path / "saved_model"
        self.teacher = path / "teacher"

    @property
    def finished(self) -> bool:
        """Whether the run that belongs here ended, and left its model."""
        models = (self.model(role) for role in ("teacher", "student"))
        return self.report.is_file() and any(p.is_file() for p in models)

    def model(self, role: str) -> pathlib.Path:
        """Returns where the model of a role, such as student, is kept."""
        return self.path / f"{role}.keras"

    def settled(self, name: str) -> Any:
        """Returns what `settle` wrote down, None before it did."""
        return _read(self.config).get(name)

    def settle(self, **facts: Any) -> None:
        """Writes down what the run works on; a resumed run must agree.

        Args:
            **facts: JSON values by what they are, such as a hash of the data.

        Raises:
            DataError: the run began with something else.
        """
        known = _read(self.config)
        for name, value in facts.items():
            if known.get(name, value) != value:
                raise errors.DataError(
                    f"{self.path} was begun with another {name}. It had "
                    f"{known[name]!r}, now there is {value!r}. Bring it back, "
                    "or start afresh with --overwrite."
                )
        if not facts.items() <= known.items():
            atomic_files.write_json(self.config, known | facts)


@contextlib.contextmanager
def opened(config: Any, *, command: str = "") -> Iterator[RunFolder]:
    """Opens the run folder of a config, for as long as the context lasts.

    Args:
        config: a `Teach`, a `Compress` or a `Tune`; its session names the
            folder.
        command: the command line, kept for the reader.

    Raises:
        DataError: the folder cannot be written to, or another process is at
            work in it.
        SettingsError: it belongs to a run of other settings.
    """
    path = pathlib.Path(config.session.workdir)
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
            # The kernel drops it when the process ends, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise errors.DataError(
                f"Another process is at work in {path}."
            ) from None
        if config.session.overwrite:
            _clear(path, spared=getattr(config, "teacher_weights", ""))
        workdir = RunFolder(path)
        _claim(workdir, config, command)
        yield workdir


def _clear(path, spared):
    # The teacher that this very run is to learn from is not removed.
    teacher = pathlib.Path(spared).resolve() if spared else None
    for ours in _found(path, _OURS):
        if teacher is None or not teacher.is_relative_to(ours.resolve()):
            atomic_files.remove(ours)


def _found(path, patterns):
    return [one for pattern in patterns for one in sorted(path.glob(pattern))]


def _claim(workdir, config, command):
    """Makes the folder the config's, unless it is another run's."""
    kind = type(config).__name__
    # Through JSON, so that what is compared is what was written.
    settings = json.loads(json.dumps(flatten.identity(config)))
    present = [one.name for one in _found(workdir.path, _RESULTS)]
    if workdir.config.is_file():
        known = _read(workdir.config)
        if known["kind"] == kind and known["settings"] == settings:
            return
        # A run that was refused before it began holds nothing, and no claim.
        if present:
            _refuse(workdir, known, kind, settings)
    # A teacher may have been put there on purpose, with a config of its own.
    elif set(present) - {"teacher"}:
        raise errors.DataError(
            f"{workdir.path} holds {', '.join(present)} but no config.json, so "
            "nobody can tell what ran there. Choose another --workdir, or "
            "start afresh with --overwrite."
        )
    flags = [flatten.to_flag(name, value) for name, value in settings.items()]
    atomic_files.write_text(
        workdir.path / "recipe.flags", "\n".join(flags) + "\n"
    )
    now = datetime.datetime.now(datetime.UTC)
    atomic_files.write_json(
        workdir.config,
        {
            "kind": kind,
            "command": command,
            "started": now.isoformat(timespec="seconds"),
            "settings": settings,
            "versions": versions(),
            "git_commit": _commit(),
        },
    )


def _read(path):
    try:
        known = json.loads(path.read_text())
        known["kind"]
        known["settings"] = flatten.current(known["settings"])
    except (ValueError, KeyError, AttributeError, TypeError, OSError):
        raise errors.DataError(
            f"{path} is damaged; start afresh with --overwrite."
        ) from None
    return known


def _refuse(workdir, known, kind, settings):
    if known["kind"] != kind:
        raise errors.SettingsError(
            f"{workdir.path} belongs to a run of another command "
            f"({known['kind'].lower()}). Choose another --workdir, or "
            "--overwrite."
        )
    raise errors.SettingsError(
        f"{workdir.path} belongs to a run with other settings: "
        f"{flatten.differing(known['settings'], settings)}. Choose another "
        "--workdir, or --overwrite."
    )


def versions() -> dict[str, str]:
    """Returns the versions of all that computes."""
    packages = ("lit_tf", "tensorflow", "keras", "numpy")
    found = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _commit():
    here = pathlib.Path(__file__).parent
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
