"""The data and models that the pieces of a benchmark share."""

import dataclasses
import functools

import keras
import tensorflow as tf

from lit_tf import data, errors, models
from lit_tf.benchmark.settings import Settings, compress_settings
from lit_tf.data import batches
from lit_tf.data.streams import Stream
from lit_tf.experiment import build, student_training
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import supervised, trainer
from lit_tf.outputs import Outputs
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import devices

# The number of batches of random data, and the minimum number of examples.
BATCHES, _MIN_EXAMPLES = 10, 1280
_EPOCHS = 2**20


class Bench:
    """Settings, data and models of a benchmark.

    Args:
        settings: the settings of the benchmark.
        steps: the number of steps that read their batches as in training;
            None for any number of steps on one batch in memory.

    Attributes:
        config: the settings of the compression whose parts are timed.
        device: the name of the device.
        jit_compile: whether XLA compiles the steps.
        dataset: the data.

    Raises:
        SettingsError: if a model, the dataset or the device is unknown, or the
            models are not compatible.
        DataError: if the dataset's files are missing or damaged.
    """

    def __init__(self, settings: Settings, *, steps: int | None = None):
        self.config = compress_settings(settings)
        self.settings = settings
        self._steps = steps
        self.check()
        self.device = _device(settings.device)
        self.jit_compile = _jit_compile(settings)
        self.dataset = self.load_dataset()

    def check(self) -> None:
        """Checks the names of models and data before anything is loaded."""
        settings = self.settings
        for name in (settings.teacher, settings.student):
            models.get(name, **settings.architecture.options)
        dataset = self.config.data.dataset
        errors.require(
            data.source(dataset).task == "classes",
            "`dataset` must be one for classification, because lit-benchmark "
            "does not time generators. lit-compress --dry_run measures a step "
            "of each phase.",
            dataset=dataset,
        )

    def load_dataset(self) -> data.Dataset:
        """Returns the data: random ones, or those that the settings name."""
        settings, dataset = self.settings, self.config.data.dataset
        if settings.real:
            return build.load_dataset(self.config.data, self.config.session)
        return data.source(dataset).noise(
            dataset,
            examples=max(_MIN_EXAMPLES, BATCHES * settings.batch_size),
            seed=settings.seed,
        )

    @property
    def title(self) -> str:
        """The models and the data in words."""
        settings = self.settings
        origin = "real" if settings.real else "random"
        return (
            f"{settings.teacher} → {settings.student} on {origin} "
            f"{self.dataset.name}"
        )

    @property
    def outputs(self) -> Outputs:
        """The kind of output of the models."""
        return TASKS[self.dataset.task].outputs

    def pair(
        self,
    ) -> tuple[SectionedModel, SectionedModel]:
        """Returns a teacher in float32 and a new student."""
        teacher, student = build.pair(self.config, self.dataset)
        _settle(teacher, self.batch[0])
        return teacher, student

    def plain_trainer(self) -> trainer.Trainer:
        """Returns a trainer of a new student on labels alone."""
        if self.config.shrink.requested:
            _, student = self.pair()
            return supervised.Teach(student, outputs=self.outputs)
        return build.teacher_trainer(
            self.config.student,
            self.dataset,
            architecture=self.config.architecture,
            adversarial=self.config.adversarial,
            compute=self.config.compute,
        )

    def trainers(self) -> dict[str, trainer.Trainer]:
        """Returns the trainers of both phases, which share a new pair.

        A step of one trainer changes the variables of the other, so use only
        one of them.
        """
        pair = student_training.freeze_pair(
            self.config, *self.pair(), self.dataset
        )
        pair = dataclasses.replace(pair, outputs=self.outputs)
        stages = student_training.training_stages(pair, self.dataset, {})
        return {stage.name: stage.trainer for stage in stages}

    @functools.cached_property
    def batch(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The inputs and labels of a step, each `[batch, ...]`."""
        return next(iter(self.read()))[:2]

    @property
    def images(self) -> int:
        """The number of images of a step."""
        return len(tf.nest.flatten(self.batch[0])[0])

    def read(self, views: batches.Views | None = None) -> tf.data.Dataset:
        """Returns the batches of training, repeated without end.

        Args:
            views: the cached outputs of the teacher; None without a cache.
        """
        if isinstance(self.dataset.train, Stream):
            return self.dataset.train.training(0, _EPOCHS, seed=0)
        return batches.training(
            self.dataset.train,
            batch_size=self.config.lit.batch_size,
            epochs=_EPOCHS,
            seed=self.config.compute.seed,
            crop=self.dataset.crop,
            mixing=self.dataset.mixing,
            views=views,
        )

    def feed(self, views: batches.Views | None = None) -> tf.data.Dataset:
        """Returns the batches of the timed steps.

        Args:
            views: the cached outputs of the teacher; None without a cache.
        """
        if self._steps is not None:
            return self.read(views).take(self._steps)
        # The first dimension of the shape stays unknown, as in training.
        return self.read(views).take(1).cache().repeat()


def _device(name):
    known = [
        device.name.removeprefix("/device:")
        for device in tf.config.list_logical_devices()
    ]
    if name and name not in known:
        raise errors.SettingsError(errors.unknown("device", name, known))
    gpus = [device for device in known if device.startswith("GPU")]
    return name or (gpus or known)[0]


def _jit_compile(settings):
    if settings.jit_compile == "auto" and settings.device.startswith("CPU"):
        return False  # Also on a machine with a GPU.
    chosen = devices.jit_compile(settings.jit_compile)
    if chosen is None:
        chosen = len(tf.config.list_logical_devices("GPU")) == 1
    return chosen


def _settle(teacher, images):
    """Sets the moving statistics of BatchNorm to those of two images.

    With the initial statistics, the activations of a deep new teacher double in
    each block until float16 overflows, and loss scaling skips each step.
    """
    norms = [
        layer
        for layer in teacher._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momentums = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    teacher(images[:2], training=True)
    for layer, momentum in zip(norms, momentums, strict=True):
        layer.momentum = momentum
