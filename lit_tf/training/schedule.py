"""Steps and batches of one phase."""

import copy
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from lit_tf.config import Phase
from lit_tf.data import Dataset, batches, shares
from lit_tf.data.streams import Stream
from lit_tf.methods import trainer
from lit_tf.methods.distillation_trainer import DistillationTrainer
from lit_tf.teacher import cached_outputs
from lit_tf.teacher.frozen import TeacherBatch

# A batched dataset, distributed to the replicas of a strategy.
Batches = tf.data.Dataset | tf.distribute.DistributedDataset
# The functions of the pipelines have no Python branches on tensors. AutoGraph
# would take more than a second to find none.
_TRAINING, _EVALUATION = map(
    tf.autograph.experimental.do_not_convert,
    (batches.training, batches.evaluation),
)


def of(
    model: trainer.Trainer,
    dataset: Dataset,
    phase: Phase,
    *,
    cached: cached_outputs.CachedSplits | None = None,
) -> "Schedule":
    """Returns the schedule of a phase: arguments as those of `Schedule`."""
    if isinstance(dataset.train, Stream):
        return StreamSchedule(model, dataset, phase)
    return Schedule(model, dataset, phase, cached=cached)


class Schedule:
    """Sizes, steps and batches of a phase: one answer for fit, dry run, budget.

    Args:
        model: the trainer; its strategy receives the batches.
        dataset: the dataset.
        phase: the phase's settings.
        cached: the teacher's cached outputs; the trainer reads those that it
            needs. None without a cache.

    Attributes:
        batch_size: examples per training step, over all replicas.
        steps_per_epoch: training steps per epoch.
        total_steps: training steps of the phase.
        validation_steps: batches of the validation split; None without one.

    Raises:
        SettingsError: if the warm-up is longer than the phase.
    """

    def __init__(
        self,
        model: trainer.Trainer,
        dataset: Dataset,
        phase: Phase,
        *,
        cached: cached_outputs.CachedSplits | None = None,
    ):
        self.phase = phase
        self.dataset = dataset
        self.strategy = model.distribute_strategy
        self.batch_size = phase.batch_size * model.batches
        # A step of several batches must not receive a short last one: each of
        # its batches would then hold next to nothing.
        self._whole = model.batches > 1
        self._cached = _outputs_read_by(model, cached)
        self.steps_per_epoch = batches.steps_per_epoch(
            dataset.train, self.batch_size, whole=self._whole
        )
        self.total_steps = phase.total(self.steps_per_epoch)
        phase.check_warm_up(self.total_steps)
        self.validation_steps = None
        if dataset.validation is not None:
            self.validation_steps = batches.steps_per_epoch(
                dataset.validation, phase.batch_size
            )

    @property
    def largest_batch(self) -> int:
        """Examples in the largest training batch."""
        return min(self.batch_size, len(self.dataset.train))

    def examples(self, steps: int) -> int:
        """Returns the training examples that a number of steps reads."""
        epochs, rest = divmod(steps, self.steps_per_epoch)
        per_epoch = len(self.dataset.train)
        if self._whole:
            per_epoch = self.steps_per_epoch * self.batch_size
        return epochs * per_epoch + rest * self.batch_size

    def by_length(self) -> list[tuple[float, "Schedule"]]:
        """Returns schedules of one length each, and their shares of examples.

        They hold a few examples, enough to measure and count a step.
        """
        if self.dataset.buckets is None:
            return [(1.0, self)]
        samples = self.dataset.buckets.samples(
            self.dataset.train, self.batch_size
        )
        found = []
        for share, some in samples:
            one = copy.copy(self)
            one.dataset = dataclasses.replace(
                self.dataset, train=some, buckets=None
            )
            found.append((share, one))
        return found

    def first_batch(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns one training batch, not distributed: (inputs, labels)."""
        return next(iter(self._training(epochs=1, seed=0)()))

    def training(
        self,
        *,
        epochs: int,
        seed: int,
        first_step: int = 0,
        last_step: int | None = None,
    ) -> Batches:
        """Returns shuffled and augmented training batches, distributed.

        Args:
            epochs: the epoch, counted from 1, at whose end the batches end.
            seed: seed of order and augmentation.
            first_step: step of the first batch, counted from 0 at epoch 0.
            last_step: step before which the batches end, if that is before
                the end of the epoch.
        """
        make = self._training(
            epochs=epochs,
            seed=seed,
            first_step=first_step,
            last_step=last_step,
        )
        return shares.distribute(make, self.strategy)

    def training_inputs(self, count: int) -> Iterator[Any]:
        """Yields the inputs of the first training batches, not distributed.

        Args:
            count: the largest number of batches; an epoch may have fewer.
        """
        make = self._training(epochs=1, seed=0, last_step=count)
        for x, _ in make():
            yield x.inputs if isinstance(x, TeacherBatch) else x

    def keeps_order(self) -> bool:
        """Returns whether an epoch has the same examples when read again."""
        return True

    def validation(self) -> Batches | None:
        """Returns the validation batches, distributed; None without a split."""
        if self.dataset.validation is None:
            return None
        make = functools.partial(
            _EVALUATION,
            self.dataset.validation,
            batch_size=self.phase.batch_size,
            task=self.dataset.task,
            views=self._cached.validation,
        )
        return shares.distribute(make, self.strategy)

    def _training(self, **which):
        return functools.partial(
            _TRAINING,
            self.dataset.train,
            batch_size=self.batch_size,
            crop=self.dataset.crop,
            mixing=self.dataset.mixing,
            task=self.dataset.task,
            whole=self._whole,
            views=self._cached.train,
            buckets=self.dataset.buckets,
            **which,
        )


class StreamSchedule(Schedule):
    """A schedule whose batches are the user's own (`data.streams`)."""

    def first_batch(self) -> tuple[tf.Tensor, ...]:
        return self.dataset.train.first

    def keeps_order(self):
        return self.dataset.train.keeps_order()

    def training_inputs(self, count):
        stream = self.dataset.train
        # A generator would lose the batches.
        batches = [stream.first]
        if not stream.endless:
            batches = stream.training(0, min(count, stream.steps), seed=0)
        for batch in batches:
            yield keras.utils.unpack_x_y_sample_weight(batch)[0]

    def training(self, *, epochs, seed, first_step=0, last_step=None):
        end = epochs * self.steps_per_epoch
        end = end if last_step is None else min(end, last_step)
        stream = self.dataset.train.training(first_step, end, seed=seed)
        return self._distributed(stream)

    def validation(self):
        if self.dataset.validation is None:
            return None
        return self._distributed(self.dataset.validation.evaluation())

    def _distributed(self, stream):
        if self.strategy.num_replicas_in_sync == 1:
            return stream
        return self.strategy.experimental_distribute_dataset(stream)


def _outputs_read_by(model, cached):
    """Returns the cached teacher outputs that a trainer reads."""
    if cached is None or not isinstance(model, DistillationTrainer):
        return cached_outputs.CachedSplits()
    if model.reads_representations:
        return cached
    return cached.without_representations()
