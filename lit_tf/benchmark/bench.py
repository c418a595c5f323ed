"""What the pieces of a benchmark are made of: settings, data and models."""

import functools

import keras
import tensorflow as tf

from lit_tf import data, errors, models
from lit_tf.benchmark.settings import Settings, compress_settings
from lit_tf.data import batches
from lit_tf.experiment import build
from lit_tf.methods import trainer
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.training import devices

# Of random data: batches, and examples at least.
_BATCHES, _EXAMPLES = 10, 1280
_EPOCHS = 2**20


class Bench:
    """What the pieces are made of: the settings, the data, the models.

    Args:
        settings: of the benchmark.
        steps: how many will be taken on batches that are read, as in
            training; None for any number on one that is ready.

    Raises:
        SettingsError: a model, the data set or the device is unknown, or the
            models do not line up.
        DataError: the data set's files are missing or damaged.
    """

    def __init__(self, settings: Settings, *, steps: int | None = None):
        self.config = compress_settings(settings)
        for name in (settings.teacher, settings.student):
            models.get(name, **settings.architecture.options)
        errors.require(
            data.source(settings.dataset).task == "classes",
            "`dataset` must be one of classes: generators are not timed here "
            "(lit-compress --dry_run measures a step of each phase).",
            dataset=settings.dataset,
        )
        self.device = _device(settings.device)
        self.jit_compile = _jit_compile(settings)
        self.dataset = _dataset(settings, self.config)
        self._steps = steps

    def pair(
        self,
    ) -> tuple[SectionedModel, SectionedModel]:
        """Returns a new teacher, in float32, and a new student."""
        teacher, student = build.pair(self.config, self.dataset)
        _settle(teacher, self.batch[0])
        return teacher, student

    def trainers(self) -> dict[str, trainer.Trainer]:
        """Returns the trainers of both phases, on a new pair that they share.

        Their steps would disturb one another: take one of them.
        """
        pair = build.start(self.config, *self.pair(), self.dataset)
        stages = build.training_stages(pair, self.dataset, {})
        return {stage.name: stage.trainer for stage in stages}

    @functools.cached_property
    def batch(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Inputs and labels `[batch, ...]` of a step."""
        return next(iter(self.read()))

    @property
    def images(self) -> int:
        """How many images a step takes in."""
        return len(self.batch[1])

    def read(self, views: batches.Views | None = None) -> tf.data.Dataset:
        """Returns batches as in training, for as many epochs as one likes."""
        return batches.training(
            self.dataset.train,
            batch_size=self.config.lit.batch_size,
            epochs=_EPOCHS,
            seed=self.config.run.seed,
            crop=self.dataset.crop,
            views=views,
        )

    def feed(self, views: batches.Views | None = None) -> tf.data.Dataset:
        """Returns what steps are fed with."""
        if self._steps is not None:
            return self.read(views).take(self._steps)
        # The shape's first dimension stays unknown, as it is in training.
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
        return False  # Whatever GPU there is beside it.
    chosen = devices.jit_compile(settings.jit_compile)
    if chosen is None:
        chosen = len(tf.config.list_logical_devices("GPU")) == 1
    return chosen


def _dataset(settings, compression):
    if settings.data == "real":
        return build.load_dataset(compression.data, compression.session)
    return data.source(settings.dataset).noise(
        settings.dataset,
        examples=max(_EXAMPLES, _BATCHES * settings.batch_size),
        seed=settings.seed,
    )


def _settle(teacher, images):
    """Gives BatchNorm statistics: those of two images, which take no memory.

    Without any the activations of a deep, new teacher double with every block,
    until float16 overflows, and every step is one that loss scaling skips.
    """
    norms = [
        layer
        for layer in teacher._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    teacher(images[:2], training=True)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum
