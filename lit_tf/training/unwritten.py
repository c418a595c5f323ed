"""Checkpoint and logs of a phase without a run folder: nothing is written."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lit_tf.methods import trainer
from lit_tf.training import checkpoint


class Checkpoint(checkpoint.Checkpoint):
    """Keeps the best student in memory and saves nothing.

    Args:
        model: the compiled trainer.
    """

    def __init__(self, model: trainer.Trainer):
        self.model = model
        self.best = None

    def save(self, position: checkpoint.Position) -> bool:
        """Does nothing and returns False."""
        return False

    def restore(self) -> None:
        """Returns None: there is nothing to restore."""


class MetricLogs:
    """Takes the place of `metric_logs.MetricLogs` and writes nothing."""

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Does nothing."""

    def write(
        self, step: int, epoch: int, scalars: Mapping[str, float]
    ) -> None:
        """Does nothing."""

    def write_reference(self, step: int, scalars: Mapping[str, float]) -> None:
        """Does nothing."""

    def write_text(self, step: int, tag: str, text: str) -> None:
        """Does nothing."""

    def write_image(self, step: int, tag: str, image: np.ndarray) -> None:
        """Does nothing."""

    def sizes(self) -> dict[str, int]:
        """Returns the sizes of no files."""
        return {}

    def close(self) -> None:
        """Does nothing."""
