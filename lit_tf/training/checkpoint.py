"""A phase's checkpoint: one file, which always holds one moment."""

import dataclasses
import json
import pathlib
import zipfile
import zlib

import numpy as np

from lit_tf import errors
from lit_tf.methods import trainer
from lit_tf.utils import atomic_files

# What reading a damaged or foreign npz raises.
_DAMAGE = (
    EOFError,
    KeyError,
    OSError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclasses.dataclass
class Position:
    """How far a phase has come.

    Args:
        step: steps taken, over all epochs.
        epoch: epochs begun.
        accuracy: validation accuracy after the last whole epoch, or None.
        best_accuracy: the highest so far, or None.
        best_epoch: after how many epochs it was reached, or None.
        seconds: time spent, over all sessions.
        done: whether the phase is over.
        logs: the size in bytes of each log file at that moment.
    """

    step: int = 0
    epoch: int = 0
    accuracy: float | None = None
    best_accuracy: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    done: bool = False
    logs: dict[str, int] = dataclasses.field(default_factory=dict)


class Checkpoint:
    """Saves and restores a trainer at a position.

    The file is an npz of the trainer's state (`Trainer.state`: the student's
    variables, the optimiser's slots, step counter and loss scale, the running
    metrics), the best student so far, and the position: what it takes to go on
    as if nothing had happened. It replaces its predecessor in one step, so a
    process may be killed at any moment.

    Args:
        path: the file.
        model: the compiled trainer.
    """

    def __init__(self, path: pathlib.Path, model: trainer.Trainer):
        self.path = path
        self.model = model
        self.best: list[np.ndarray] | None = None

    def save(self, position: Position) -> bool:
        """Writes the present moment, unless a variable is not finite.

        Returns:
            Whether it was written. A student that is beyond repair does not
            replace one that is not.
        """
        groups = {
            name: [variable.numpy() for variable in variables]
            for name, variables in self.model.state.items()
        }
        models = [self.model.student, *self.model.auxiliary_models.values()]
        values = (v.numpy() for model in models for v in model.variables)
        if not all(np.isfinite(value).all() for value in values):
            return False
        if self.best is not None:
            groups["best"] = self.best
        arrays = {
            f"{name}/{i}": value
            for name, values in groups.items()
            for i, value in enumerate(values)
        }
        text = json.dumps(dataclasses.asdict(position))
        with (
            atomic_files.whole(self.path) as partial,
            partial.open("wb") as file,
        ):
            np.savez(file, position=np.array(text), **arrays)
        return True

    def restore(self) -> Position | None:
        """Puts back the moment in the file; None when there is none.

        Raises:
            DataError: the file is damaged or of another trainer.
        """
        if not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                position = Position(**json.loads(str(archive["position"])))
                values = {
                    name: _group(archive, name)
                    for name in (*self.model.state, "best")
                }
            for name, variables in self.model.state.items():
                for variable, value in zip(
                    variables, values[name], strict=True
                ):
                    variable.assign(value)
        except _DAMAGE as error:
            raise errors.DataError(
                f"The checkpoint {self.path} is damaged or of another run "
                f"({error}). Start afresh with --overwrite."
            ) from error
        self.best = values["best"] or None
        return position

    def keep_best(self) -> None:
        """Remembers the student as it is now as the best so far."""
        self.best = [v.numpy() for v in self.model.student.variables]

    def restore_metrics(self) -> None:
        """Puts back the running metrics alone: `fit` resets them."""
        with np.load(self.path, allow_pickle=False) as archive:
            values = _group(archive, "metrics")
        for variable, value in zip(
            self.model.metrics_variables, values, strict=True
        ):
            variable.assign(value)


def _group(archive, name):
    count = sum(key.startswith(f"{name}/") for key in archive.files)
    return [archive[f"{name}/{i}"] for i in range(count)]
