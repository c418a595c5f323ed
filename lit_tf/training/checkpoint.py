"""Checkpoint of a phase: everything needed to resume it, in one file."""

import dataclasses
import json
import pathlib

import numpy as np
import tensorflow as tf

from lit_tf import errors
from lit_tf.methods import trainer
from lit_tf.training import averages, variable_paths
from lit_tf.utils import atomic_files, json_files, npz_files

# Exceptions raised by a damaged file or one with other variables.
_DAMAGE = (KeyError, OSError, TypeError, ValueError)


@dataclasses.dataclass
class Position:
    """Progress of a phase.

    Args:
        step: number of steps taken, over all epochs.
        epoch: number of the current epoch, from 1; 0 before the first.
        accuracy: validation accuracy after the last complete epoch, or None;
            without classes the score of the outputs, of which more is better.
        best_accuracy: the highest so far, or None.
        best_epoch: epoch that reached it, from 1, or None.
        seconds: training time, over all sessions.
        done: whether the phase is complete.
        stopped: whether the phase ends early because the student has become
            worse on validation.
        logs: size in bytes of each log file.
        epoch_logs: the training metrics of an epoch whose steps have all been
            taken, until its validation has ended too; None at other times.
    """

    step: int = 0
    epoch: int = 0
    accuracy: float | None = None
    best_accuracy: float | None = None
    best_epoch: int | None = None
    seconds: float = 0.0
    done: bool = False
    stopped: bool = False
    logs: dict[str, int] = dataclasses.field(default_factory=dict)
    epoch_logs: dict[str, float] | None = None


class Checkpoint:
    """Saves and restores a trainer at a position.

    The file is an npz. It holds the trainer's state (`Trainer.state`: the
    student's variables, the optimizer's slots, step counter and loss scale, the
    running metrics), the path of each variable, the best student so far and the
    position. A resumed run therefore continues exactly as an uninterrupted one.
    The file is replaced in one step, so the process may be killed at any time.

    Args:
        path: the path of the file.
        model: the compiled trainer.
    """

    def __init__(self, path: pathlib.Path, model: trainer.Trainer):
        self.path = path
        self.model = model
        self.best: list[np.ndarray] | None = None
        self._paths = variable_paths.of(model)
        self._values = _reader(model)

    def save(self, position: Position) -> bool:
        """Writes the checkpoint, unless a variable is not finite.

        Returns:
            Whether it was written. A student with infinite or NaN variables
            must not replace a good one.
        """
        groups = self._values()
        models = [self.model.student, *self.model.auxiliary_models.values()]
        checked = {id(v) for model in models for v in model.variables}
        for name, variables in self.model.state.items():
            for variable, value in zip(variables, groups[name], strict=True):
                if id(variable) in checked and not np.isfinite(value).all():
                    return False
        if self.best is not None:
            groups["best"] = self.best
        arrays = {
            f"{name}/{i}": value
            for name, values in groups.items()
            for i, value in enumerate(values)
        }
        texts = {
            "position": json.dumps(dataclasses.asdict(position)),
            "paths": json.dumps(self._paths),
        }
        with (
            atomic_files.whole(self.path) as partial,
            partial.open("wb") as file,
        ):
            np.savez(file, **texts, **arrays)
        return True

    def restore(self) -> Position | None:
        """Restores the trainer and the best student from the file.

        Returns:
            The position in the file; None when there is no file.

        Raises:
            DataError: if the file is damaged or has other variables.
        """
        if not self.path.is_file():
            return None
        try:
            arrays = self._arrays()
            position = Position(**json_files.parse(str(arrays["position"])))
            self._check(_paths(arrays))
            values = {
                name: _group(arrays, name)
                for name in (*self.model.state, "best")
            }
            for name, variables in self.model.state.items():
                for variable, value in zip(
                    variables, values[name], strict=True
                ):
                    variable.assign(value)
        except errors.DataError:
            raise
        except _DAMAGE as error:
            raise self._damaged(error) from error
        self.best = values["best"] or None
        return position

    def keep_best(self) -> None:
        """Copies the student's variables, or averages, as the best so far."""
        self.best = averages.student_values(self.model)

    def restore_metrics(self) -> None:
        """Restores the running metrics only, which `fit` has reset."""
        values = _group(self._arrays(), "metrics")
        for variable, value in zip(
            self.model.metrics_variables, values, strict=True
        ):
            variable.assign(value)

    def _arrays(self):
        try:
            return npz_files.read(self.path)
        except npz_files.DamagedError as error:
            raise self._damaged(error) from error

    def _damaged(self, error):
        return errors.DataError(
            f"The checkpoint {self.path} is damaged or belongs to another run "
            f"({errors.line(error)}). Start again with --overwrite."
        )

    def _check(self, saved):
        """Raises `DataError` if the file has the variables in another order."""
        for name, present in self._paths.items():
            paths = saved.get(name, present)
            index = variable_paths.first_difference(paths, present)
            if index is not None:
                there, here = (
                    repr(group[index]) if index < len(group) else "no variable"
                    for group in (paths, present)
                )
                raise errors.DataError(
                    f"The checkpoint {self.path} holds {there} where this run "
                    f"has {here} (variable {index} of its {name} variables); "
                    "start again with --overwrite."
                )


def _reader(model):
    """Returns a function that reads the values of a trainer's state by group.

    With several workers it reads all variables at once: some are sums over the
    workers, and each would be a step of all workers together.
    """

    def read(convert):
        return {k: [convert(v) for v in vs] for k, vs in model.state.items()}

    several = tf.distribute.MultiWorkerMirroredStrategy
    if not isinstance(model.distribute_strategy, several):
        return lambda: read(lambda variable: variable.numpy())
    at_once = tf.function(
        lambda: read(lambda variable: tf.convert_to_tensor(variable.value)),
        autograph=False,
    )
    return lambda: tf.nest.map_structure(lambda t: t.numpy(), at_once())


def _paths(arrays):
    """Returns the paths in a checkpoint; version 0.1 did not store any."""
    return json_files.parse(str(arrays["paths"])) if "paths" in arrays else {}


def _group(arrays, name):
    count = sum(key.startswith(f"{name}/") for key in arrays)
    return [arrays[f"{name}/{i}"] for i in range(count)]
