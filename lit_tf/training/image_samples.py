"""Image samples of a generator: a grid of the same images at each step."""

import pathlib
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from lit_tf import data
from lit_tf.data import image_tensors, targets
from lit_tf.training import callbacks, checkpoint, metric_logs
from lit_tf.utils import atomic_files

_IMAGES = 6
_GAP = 2  # Pixels between two images.


def grid(
    models: Mapping[str, keras.Model],
    split: data.Split,
    names: Sequence[str],
    exclusive: Sequence[Sequence[str]],
) -> np.ndarray:
    """Draws the first images of a split and their translations by generators.

    There is a row for each image and model; the rows of an image are adjacent.
    A row shows the image, then the image with one attribute changed at a time
    (see `targets.each`).

    Args:
        models: generators by role, in the order of the rows.
        split: images and their attributes.
        names: names of the attributes.
        exclusive: groups of attributes of which a target has exactly one.

    Returns:
        `[height, width, 3]`, uint8.
    """
    inputs = np.asarray(split.inputs[:_IMAGES])
    labels = split.labels[:_IMAGES]
    real = image_tensors.unit(tf.constant(inputs))
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
    # [models, 1 + attributes, images, height, width, 3]
    cells = np.pad(
        np.array(rows),
        [(0, 0)] * 3 + [(0, _GAP)] * 2 + [(0, 0)],
        constant_values=255,
    )
    drawn, columns, images, height, width, channels = cells.shape
    return cells.transpose(2, 0, 3, 1, 4, 5).reshape(
        images * drawn * height, columns * width, channels
    )


def write(path: pathlib.Path, image: np.ndarray) -> None:
    """Writes an image, `[height, width, 3]`, uint8, as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_files.whole(path) as partial:
        partial.write_bytes(tf.io.encode_png(image).numpy())


def _bytes(images):
    return image_tensors.to_bytes(images).numpy()


class ImageSamples(keras.callbacks.Callback):
    """Draws a grid every n steps and at the end of a phase.

    The grid appears in TensorBoard as `samples` and in the run folder as
    `samples/PHASE_STEP.png`.

    Args:
        phase: name of the phase.
        logs: the logs to write to.
        position: the position of the phase.
        dataset: the dataset; the first images of its validation split are
            drawn, or of its training split if there is none.
        folder: the folder for the PNGs.
        every: number of steps between two grids; 0 for the last one only.
        total: number of steps of the phase.
    """

    def __init__(
        self,
        phase: str,
        logs: metric_logs.MetricLogs,
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
        self._interval = callbacks.StepInterval(every, position.step)
        self._total = total

    def on_train_batch_end(self, batch, logs=None):
        step = self._position.step
        if self._interval.due(step) or step >= self._total:
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
            self._logs.write_image(step, "samples", image)
