"""Trials: runs of `lit-compress`, whose folders record their results.

The run folders are the only record of the trials that have run, so that it does
not matter on which machine a trial ran.
"""

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from lit_tf import config, errors
from lit_tf.config import flatten, generators, own_model
from lit_tf.experiment import curves
from lit_tf.tuning import scores
from lit_tf.tuning.settings import NAMES
from lit_tf.utils import atomic_files, json_files

PROGRAM = (sys.executable, "-m", "lit_tf.launch.compress")
# Flags whose default depends on the command line: a trial names all of them.
_EXPLICIT = {*NAMES, *own_model.DEFAULTS, *generators.DEFAULTS}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Epoch:
    """State of a trial at the end of an epoch.

    Args:
        phase: "lit" or "fine_tune".
        epoch: the epoch of the phase, from 1.
        accuracy: the accuracy on the validation split, a fraction, or the
            other score of the task.
        score: the name of the score, one of `scores.METRICS`.
    """

    phase: str
    epoch: int
    accuracy: float
    score: str = scores.ACCURACY


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One value of a stage with one seed.

    Args:
        stage: the name of the stage, such as "temperature".
        value: the value that the trial tries.
        settings: the settings of the run. Its folder may belong to an earlier
            stage.
    """

    stage: str
    value: float
    settings: config.Compress

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.settings.compute.seed

    @property
    def name(self) -> str:
        """The run folder, relative to the folder of the search."""
        return "/".join(self.folder.parts[-2:])

    @property
    def folder(self) -> pathlib.Path:
        """The run folder."""
        return pathlib.Path(self.settings.session.workdir)

    def command(self, custom_objects: Sequence[str] = ()) -> list[str]:
        """Returns the command line of the run.

        It has the flags that differ from their defaults, and always those
        whose default depends on the model or the data. The flags of a recipe
        are written out, so that a later change of the recipe does not change
        the trial.

        Args:
            custom_objects: the modules that the run imports, the value of
                --custom_objects; not a setting of the run.
        """
        default = flatten.flatten(config.Compress())
        return [
            *PROGRAM,
            *(
                flatten.to_flag(name, value)
                for name, value in flatten.flatten(self.settings).items()
                if value != default[name] or name in _EXPLICIT
            ),
            *(
                [flatten.to_flag("custom_objects", tuple(custom_objects))]
                if custom_objects
                else []
            ),
        ]

    @property
    def log(self) -> pathlib.Path:
        """The file with the output of the run."""
        return self.folder / "log.txt"

    @property
    def ended(self) -> bool:
        """Whether the trial has finished or was stopped for good."""
        return self.score is not None or self.pruned is not None

    @property
    def score(self) -> tuple[str, float] | None:
        """Name and value of the best validation score; None before the end.

        Raises:
            DataError: if the report is damaged, or the run chose no student
                on validation.
        """
        report = self.folder / "report.json"
        if not report.is_file():
            return None
        try:
            found = scores.of_report(json_files.parse(report.read_bytes()))
        except (OSError, ValueError, LookupError, TypeError):
            raise errors.DataError(
                f"{report} has no score on validation. The file is damaged."
            ) from None
        if found is None:
            raise errors.DataError(
                f"{report} names no student that was chosen on validation, so "
                "that nothing can be compared. The phases need an epoch, and "
                "the student of a generator --export=closest."
            )
        return found

    @property
    def pruned(self) -> Epoch | None:
        """The epoch after which the trial was stopped for good; None if not.

        Raises:
            DataError: if the file that records it is damaged.
        """
        if not self._mark.is_file():
            return None
        try:
            return Epoch(**json_files.parse(self._mark.read_bytes()))
        except (OSError, ValueError, TypeError):
            raise errors.DataError(
                f"{self._mark} is damaged. Remove it to resume the trial."
            ) from None

    @property
    def ending(self) -> str:
        """How the trial ended, in words; "not run" if it has not ended."""
        if self.score is not None:
            return f"finished: {scores.in_words(*self.score)} on validation"
        where = self.pruned
        if where is None:
            return "not run"
        return (
            f"pruned after epoch {where.epoch} of phase {where.phase}, at "
            f"{scores.in_words(where.score, where.accuracy)}"
        )

    def discard(self) -> None:
        """Removes the folder of a trial that has left nothing but its log."""
        if list(self.folder.iterdir()) == [self.log]:
            self.log.unlink()
            self.folder.rmdir()
            with contextlib.suppress(OSError):  # Other seeds have begun.
                self.folder.parent.rmdir()

    def prune(self, epoch: Epoch) -> None:
        """Records that the trial was stopped for good after an epoch."""
        atomic_files.write_json(self._mark, dataclasses.asdict(epoch))

    def epochs(self) -> list[Epoch]:
        """Returns the validation score after each epoch of both phases."""
        # `read` skips a last line that is still being written.
        rows = curves.read(self.folder / "metrics.jsonl")
        return [
            Epoch(
                phase=row["phase"],
                epoch=row["epoch"],
                accuracy=found[1],
                score=found[0],
            )
            for row in rows
            if (found := scores.of_epoch(row)) is not None
        ]

    @property
    def _mark(self):
        return self.folder / "pruned.json"
