"""Logs of a run: `metrics.jsonl` and TensorBoard, with the same scalars."""

import contextlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from lit_tf.training import run_folder
from lit_tf.utils import atomic_files


class MetricLogs:
    """Appends scalars to the logs of a run folder and can truncate them.

    TensorBoard shows each phase as a separate run. Another run, `teacher`,
    shows the teacher's metrics as a reference for the student.

    Args:
        folder: the run folder.
        phase: name of the phase.
    """

    def __init__(self, folder: run_folder.RunFolder, phase: str):
        self._folder = folder
        self._phase = phase
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Begins the phase's logs, without what an earlier process left there.

        Such a process was killed before its first checkpoint.

        Args:
            settings: the run's settings, for TensorBoard's HParams tab.
        """
        atomic_files.remove(self._folder.logs / self._phase)
        shown = {
            name: value if isinstance(value, bool | int | float) else str(value)
            for name, value in settings.items()
        }
        with self._writing(self._phase):
            # TensorBoard shows the average of runs with the same settings.
            hparams.hparams({"phase": self._phase, **shown})

    def write(
        self, step: int, epoch: int, scalars: Mapping[str, float]
    ) -> None:
        """Appends scalars to `metrics.jsonl` and to TensorBoard.

        Args:
            step: the phase's step.
            epoch: the current epoch, from 1.
            scalars: values by tag.
        """
        self._write_scalars(self._phase, step, scalars)
        row = {"phase": self._phase, "epoch": epoch, "step": step, **scalars}
        metrics = self._folder.metrics
        with (
            atomic_files.named(metrics),
            metrics.open("a", encoding="utf-8") as file,
        ):
            file.write(json.dumps(row) + "\n")

    def write_reference(self, step: int, scalars: Mapping[str, float]) -> None:
        """Appends the teacher's scalars to TensorBoard."""
        self._write_scalars("teacher", step, scalars)

    def write_text(self, step: int, tag: str, text: str) -> None:
        """Appends a text in Markdown to TensorBoard."""
        with self._writing(self._phase, step):
            tf.summary.text(tag, text)

    def write_image(self, step: int, tag: str, image: np.ndarray) -> None:
        """Appends an image, `[height, width, 3]`, uint8, to TensorBoard."""
        with self._writing(self._phase, step):
            tf.summary.image(tag, image[np.newaxis])

    def sizes(self) -> dict[str, int]:
        """Flushes the log files and returns their sizes in bytes by path.

        Raises:
            DataError: if the run folder was removed, or the disk is full.
        """
        self._folder.check()
        with atomic_files.named(self._folder.logs):
            for writer in self._writers.values():
                writer.flush()
        return {
            str(path.relative_to(self._folder.path)): path.stat().st_size
            for path in self._paths()
        }

    def truncate(self, sizes: Mapping[str, int]) -> None:
        """Truncates the log files to the sizes that a checkpoint stored.

        Args:
            sizes: the result of `sizes` at that checkpoint. Files that are not
                in it are removed.
        """
        for path in self._paths():
            size = sizes.get(str(path.relative_to(self._folder.path)), 0)
            if size:
                os.truncate(path, min(size, path.stat().st_size))
            else:
                atomic_files.remove(path)

    def close(self) -> None:
        """Closes TensorBoard's files."""
        with atomic_files.named(self._folder.logs):
            for writer in self._writers.values():
                writer.close()
        self._writers.clear()

    def _write_scalars(self, run, step, scalars):
        if not scalars:
            return
        with self._writing(run, step):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value)

    @contextlib.contextmanager
    def _writing(self, run, step=None):
        folder = self._folder.logs / run
        with atomic_files.named(folder):
            if run not in self._writers:
                writer = tf.summary.create_file_writer(str(folder))
                self._writers[run] = writer
            with self._writers[run].as_default(step):
                yield

    def _paths(self) -> list[pathlib.Path]:
        events = self._folder.logs.rglob("events.*")
        metrics = self._folder.metrics
        return [*sorted(events), *([metrics] if metrics.is_file() else [])]
