"""A generator's pictures to look at: the same ones, whenever they are made."""

import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from lit_tf import data
from lit_tf.data import augment, targets
from lit_tf.training import callbacks, checkpoint, metric_logs
from lit_tf.utils import atomic_files

_PICTURES = 6
_GAP = 2  # Pixels between two pictures.


def grid(
    models: Mapping[str, keras.Model],
    split: data.Split,
    names: Sequence[str],
    exclusive: Sequence[Sequence[str]],
) -> np.ndarray:
    """Draws a split's first pictures, and what models make of them.

    A row a picture and model, those of one picture one below the other: the
    picture, then the picture with each attribute in turn (`targets.each`).

    Args:
        models: generators, in the order in which they are drawn.
        split: pictures and their attributes.
        names: of the attributes.
        exclusive: groups of them of which a target has exactly one.

    Returns:
        `[height, width, 3]`, uint8.
    """
    inputs = np.asarray(split.inputs[:_PICTURES])
    labels = split.labels[:_PICTURES]
    real = augment.unit(tf.constant(inputs))
    wanted = [tf.constant(t) for t in targets.each(labels, names, exclusive)]
    rows = [
        [
            inputs,
            *(
                _bytes(model((real, target), training=False))
                for target in wanted
            ),
        ]
        for model in models.values()
    ]
    # [models, 1 + attributes, pictures, height, width, 3]
    cells = np.pad(
        np.array(rows),
        [(0, 0)] * 3 + [(0, _GAP)] * 2 + [(0, 0)],
        constant_values=255,
    )
    ours, columns, pictures, height, width, colours = cells.shape
    return cells.transpose(2, 0, 3, 1, 4, 5).reshape(
        pictures * ours * height, columns * width, colours
    )


def write(path: pathlib.Path, image: np.ndarray) -> None:
    """Writes an image `[height, width, 3]` of bytes as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_files.whole(path) as partial:
        partial.write_bytes(tf.io.encode_png(image).numpy())


def _bytes(images):
    return augment.to_bytes(images).numpy()


class Samples(keras.callbacks.Callback):
    """Draws a grid every so many steps, and at a phase's end.

    In TensorBoard as `samples`, in the run folder as `samples/PHASE_STEP.png`.

    Args:
        phase: the phase's name.
        logs: where to.
        position: where the phase is.
        dataset: whose first validation pictures are drawn.
        folder: of the PNGs.
        every: steps between two grids; 0 for none but the last.
        total: the phase's steps.
    """

    def __init__(
        self,
        phase: str,
        logs: metric_logs.Logs,
        position: checkpoint.Position,
        dataset: data.Dataset,
        folder: pathlib.Path,
        *,
        every: int,
        total: int,
    ):
        super().__init__()
        self._phase = phase
        self._logs = logs
        self._position = position
        self._dataset = dataset
        self._folder = folder
        self._every = callbacks.Every(every, position.step)
        self._total = total

    def on_train_batch_end(self, batch, logs=None):
        step = self._position.step
        if self._every.due(step) or step >= self._total:
            models = {
                "teacher": self.model.teacher,
                "student": self.model.student,
            }
            image = grid(
                {role: model for role, model in models.items() if model},
                self._dataset.validation or self._dataset.train,
                self._dataset.classes,
                self._dataset.exclusive,
            )
            write(self._folder / f"{self._phase}_{step:06d}.png", image)
            self._logs.show_image(step, "samples", image)
