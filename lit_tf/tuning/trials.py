"""A trial: an ordinary run of `lit-compress`, and what its folder says of it.

The run folders are the only record of what has been run, by whomever it was.
"""

import dataclasses
import json
import pathlib
import sys

from lit_tf import config, errors
from lit_tf.config import flatten
from lit_tf.experiment import curves
from lit_tf.tuning.settings import NAMES
from lit_tf.utils import atomic_files

PROGRAM = (sys.executable, "-m", "lit_tf.launch.compress")
_ACCURACY = "validation/accuracy"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Epoch:
    """Where a trial stood at the end of an epoch."""

    phase: str
    epoch: int
    accuracy: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One value of what a stage chooses, under one seed.

    Args:
        stage: what is chosen, such as "temperature".
        value: the one that is tried.
        settings: of the run, whose folder may be that of an earlier stage.
    """

    stage: str
    value: float
    settings: config.Compress

    @property
    def seed(self) -> int:
        """The seed of its run."""
        return self.settings.run.seed

    @property
    def name(self) -> str:
        """Its folder, within that of the search."""
        return "/".join(self.folder.parts[-2:])

    @property
    def folder(self) -> pathlib.Path:
        """Its run folder."""
        return pathlib.Path(self.settings.session.workdir)

    @property
    def command(self) -> list[str]:
        """The command line that runs it: what is not a default, and the three.

        A recipe's flags are written out, so that it stays what it is.
        """
        default = flatten.flatten(config.Compress())
        return [
            *PROGRAM,
            *(
                flatten.to_flag(name, value)
                for name, value in flatten.flatten(self.settings).items()
                if value != default[name] or name in NAMES
            ),
        ]

    @property
    def log(self) -> pathlib.Path:
        """What it printed."""
        return self.folder / "log.txt"

    @property
    def ended(self) -> bool:
        """Whether it is finished, or was stopped for good."""
        return self.accuracy is not None or self.pruned is not None

    @property
    def accuracy(self) -> float | None:
        """Its best on validation, a fraction; None before it is finished.

        Raises:
            DataError: the report is damaged, or knows of no validation.
        """
        report = self.folder / "report.json"
        if not report.is_file():
            return None
        try:
            results = json.loads(report.read_text(encoding="utf-8"))
            return float(results["student"]["best"]["validation_accuracy"])
        except (OSError, ValueError, KeyError, TypeError):
            raise errors.DataError(
                f"{report} has no validation accuracy of a best student: it is "
                "damaged, or of another kind of model."
            ) from None

    @property
    def pruned(self) -> Epoch | None:
        """After which epoch it was stopped for good, if it was.

        Raises:
            DataError: what says so is damaged.
        """
        if not self._mark.is_file():
            return None
        try:
            return Epoch(**json.loads(self._mark.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise errors.DataError(
                f"{self._mark} is damaged. Remove it, and the trial goes on."
            ) from None

    @property
    def ending(self) -> str:
        """How it ended, in words; "not run" where it did not."""
        if self.accuracy is not None:
            return f"finished: {self.accuracy:.2%} on validation"
        where = self.pruned
        if where is None:
            return "not run"
        return (
            f"pruned after epoch {where.epoch} of phase {where.phase}, at "
            f"{where.accuracy:.2%}"
        )

    def prune(self, epoch: Epoch) -> None:
        """Writes down that it was stopped for good after an epoch."""
        atomic_files.write_json(self._mark, dataclasses.asdict(epoch))

    def epochs(self) -> list[Epoch]:
        """Returns how it did on validation, epoch by epoch of both phases."""
        # Without the last line, if that is just being written.
        rows = curves.read(self.folder / "metrics.jsonl")
        return [
            Epoch(phase=r["phase"], epoch=r["epoch"], accuracy=r[_ACCURACY])
            for r in rows
            if _ACCURACY in r
        ]

    @property
    def _mark(self):
        return self.folder / "pruned.json"
