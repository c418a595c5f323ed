"""What a run says of itself: `metrics.jsonl` and TensorBoard, alike."""

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


class Logs:
    """Appends scalars to a run folder's logs, and can cut them back.

    TensorBoard shows each phase as a run of its own, and beside it the run
    `teacher` with the line that the student is to reach.

    Args:
        workdir: the run folder.
        phase: the phase that speaks.
    """

    def __init__(self, workdir: run_folder.RunFolder, phase: str):
        self._workdir = workdir
        self._phase = phase
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Drops what a process that saved nothing may have left of the phase.

        Args:
            settings: of the run, shown in TensorBoard's HParams tab.
        """
        atomic_files.remove(self._workdir.logs / self._phase)
        shown = {
            name: value if isinstance(value, bool | int | float) else str(value)
            for name, value in settings.items()
        }
        with self._writer(self._phase).as_default():
            # Of runs with the same settings TensorBoard shows the average.
            hparams.hparams({"phase": self._phase, **shown})

    def write(
        self, step: int, epoch: int, scalars: Mapping[str, float]
    ) -> None:
        """Appends scalars at a step, to both.

        Args:
            step: the phase's step.
            epoch: epochs begun, from 1.
            scalars: values by tag.
        """
        self._show(self._phase, step, scalars)
        row = {"phase": self._phase, "epoch": epoch, "step": step, **scalars}
        with self._workdir.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def reference(self, step: int, scalars: Mapping[str, float]) -> None:
        """Draws the teacher's level beside the student's, in TensorBoard."""
        self._show("teacher", step, scalars)

    def show_text(self, step: int, tag: str, text: str) -> None:
        """Shows a text, in Markdown, in TensorBoard."""
        with self._writer(self._phase).as_default(step):
            tf.summary.text(tag, text)

    def show_image(self, step: int, tag: str, image: np.ndarray) -> None:
        """Shows an image `[height, width, 3]` of bytes, in TensorBoard."""
        with self._writer(self._phase).as_default(step):
            tf.summary.image(tag, image[np.newaxis])

    def sizes(self) -> dict[str, int]:
        """Returns the size of every log file, all being written out."""
        for writer in self._writers.values():
            writer.flush()
        return {
            str(path.relative_to(self._workdir.path)): path.stat().st_size
            for path in self._paths()
        }

    def cut_back(self, sizes: Mapping[str, int]) -> None:
        """Cuts every log file back to the size it had at a checkpoint."""
        for path in self._paths():
            size = sizes.get(str(path.relative_to(self._workdir.path)), 0)
            if size:
                os.truncate(path, min(size, path.stat().st_size))
            else:
                atomic_files.remove(path)

    def close(self) -> None:
        """Closes TensorBoard's files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _show(self, run, step, scalars):
        if not scalars:
            return
        with self._writer(run).as_default(step):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value)

    def _writer(self, run):
        if run not in self._writers:
            folder = str(self._workdir.logs / run)
            self._writers[run] = tf.summary.create_file_writer(folder)
        return self._writers[run]

    def _paths(self) -> list[pathlib.Path]:
        events = self._workdir.logs.rglob("events.*")
        metrics = self._workdir.metrics
        return [*sorted(events), *([metrics] if metrics.is_file() else [])]
