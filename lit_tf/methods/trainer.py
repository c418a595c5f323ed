"""`Trainer`: the base of all methods, a training step over named losses."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from lit_tf import errors, layers
from lit_tf.methods import replicas, text_lengths, weighted_batch
from lit_tf.methods.descent import Descent
from lit_tf.outputs import Outputs, Terms
from lit_tf.sections import inspection, recomputation, structure


class Trainer(Descent):
    """Trains a student on the losses that a subclass computes in `terms`.

    A trainer is compiled and fitted like any `keras.Model`, under any
    strategy, with or without loss scaling. Every term is reported as a metric.
    Calling, saving and exporting a trainer calls, saves and exports the student
    alone.

    This base class trains without a teacher; `DistillationTrainer` adds one.
    A subclass passes the names of its terms, implements `terms` and may narrow
    `trained_variables`.

    Args:
        student: the model to train.
        term_names: names of the terms in dependency order, so that a report of
            a NaN names its cause; must contain "total", the term that is
            minimised.
        outputs: the kind of the student's output, with its losses and metrics.
        **kwargs: arguments of `keras.Model`.

    Raises:
        SettingsError: if the student's output is of another kind than
            `outputs`, for example probabilities instead of logits.
    """

    # The model to distil from; None for supervised training.
    teacher: keras.Model | None = None
    # Batches that one step consumes.
    batches = 1
    # Whether steps compute layers of Keras by faster twins; read by `compile`.
    fast_layers = True
    # Whether steps compute the student's activations again for its gradient;
    # read by `compile`.
    recompute = False

    def __init__(
        self,
        student: keras.Model,
        term_names: Sequence[str],
        *,
        outputs: Outputs,
        **kwargs: Any,
    ):
        outputs.check(student, "student")
        super().__init__(student, outputs, **kwargs)
        self.term_names = tuple(term_names)
        self.term_metrics = [
            keras.metrics.Mean(name, dtype="float32") for name in term_names
        ]
        for metric in self.term_metrics:
            metric._direction = "down"
        self.output_metrics = outputs.metrics()

    def terms(
        self, x: Any, y: tf.Tensor, *, training: bool
    ) -> tuple[Terms, tf.Tensor]:
        """Computes every term of the loss and the student's output.

        Args:
            x: a batch of inputs `[batch, ...]`; or, with a cache of the
                teacher's outputs, a `TeacherBatch`.
            y: `[batch, ...]`, labels.
            training: whether layers such as BatchNorm run in training mode.

        Returns:
            The terms by name, each `[batch]` in float32, and the student's
            output, `[batch, ...]`.
        """
        raise NotImplementedError

    @property
    def optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        """The optimizers that follow the phase's learning rate."""
        return (self.optimizer,)

    @property
    def auxiliary_models(self) -> dict[str, keras.Model]:
        """Other models that are trained and saved with the student, by name."""
        return {}

    @property
    def models_of_a_step(self) -> list[keras.Model]:
        """The models that a step runs."""
        return [self.student]

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        """The variables that a checkpoint holds, by group."""
        return {
            "student": self.student.variables,
            "optimizer": self.optimizer.variables,
            "metrics": self.metrics_variables,
        }

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "sgd",
        *,
        jit_compile: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training, as `keras.Model.compile` does.

        Args:
            optimizer: a Keras optimizer or its name. It is wrapped in a
                `LossScaleOptimizer` if the student computes in float16.
            jit_compile: whether XLA compiles the step; None turns it on for a
                single GPU, and off elsewhere, where it is slower.
            **kwargs: other arguments of `keras.Model.compile`, such as
                `metrics` and `steps_per_execution`. `loss` replaces the hard
                loss. A student with several outputs takes a `loss` for each,
                and `loss_weights`. Losses and metrics by name are built for
                logits, if the student returns logits.

        Raises:
            SettingsError: if the method does not train on labels but received a
                `loss`, its labels are smoothed, or the `loss` does not match
                the outputs or reads probabilities.
        """
        own = {
            name: value
            for name in ("loss", "loss_weights")
            if (value := kwargs.pop(name, None)) is not None
        }
        if own:
            if "hard" not in self.term_names:
                raise errors.SettingsError(
                    f"{type(self).__name__} has its own losses. Compile it "
                    f"without `loss` and `loss_weights`. Received: {own}."
                )
            errors.require(
                "loss" not in own or not self.label_smoothing,
                "A `loss` of your own would replace the one of "
                "`smooth_labels`. Compile without `loss`, or let your loss "
                "smooth the labels.",
                label_smoothing=self.label_smoothing,
            )
            self.replace_outputs(self.outputs.with_losses(**own))
        for name in ("metrics", "weighted_metrics"):
            errors.require(
                self.outputs.reads_labels or not kwargs.get(name),
                f"{type(self.outputs).__name__} has no labels, which metrics "
                f"compare outputs with. Compile it without `{name}`.",
                **{name: kwargs.get(name)},
            )
            if kwargs.get(name):
                kwargs[name] = self.outputs.compiled_metrics(
                    kwargs[name], structure.outputs_of(self.student)
                )
        errors.require(
            bool(self.trained_variables),
            "The model has no variable to train: `trainable` is False in all "
            "its layers. Set `model.trainable = True`.",
            model=self.student.name,
        )
        optimizer = keras.optimizers.get(optimizer)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if "float16" in inspection.computes_in(self.student) and not scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        if jit_compile is None:
            jit_compile = len(tf.config.list_logical_devices("GPU")) == 1
        super().compile(
            optimizer=optimizer,
            jit_compile=jit_compile,
            auto_scale_loss=False,
            **kwargs,
        )
        models = self.models_of_a_step if self.fast_layers else ()
        self._fast = layers.FastLayers(models)
        models = [self.student] if self.recompute else ()
        self._recomputed = recomputation.Recomputed(models)
        if self._lengths_vary:
            text_lengths.accept(*self._recomputed.models)
        # Building within the scope makes Keras refuse an optimizer that was
        # created under another strategy.
        with self.distribute_strategy.scope():
            self.optimizer.build(self.trained_variables)

    def fit(self, x: Any = None, *args: Any, **kwargs: Any):
        """Trains the student, as `keras.Model.fit` does.

        Raises:
            SettingsError: if `x` is a dictionary, and one of its keys is
                missing or is no input of the student.
        """
        structure.check_names(self.student, x)
        return super().fit(x, *args, **kwargs)

    def train_step(self, data):
        x, y, sample_weight = weighted_batch.unpack(data, self.outputs)
        with self._fast.in_use(), self._recomputed.in_use():
            if self.microbatches > 1:
                self._descend_by_microbatches(x, y, sample_weight)
                return self._results(self.get_metrics_result())
            terms, outputs, additional = self._descend(x, y, sample_weight)
        return self._report(terms, additional, x, y, outputs, sample_weight)

    def test_step(self, data):
        x, y, sample_weight = weighted_batch.unpack(data, self.outputs)
        labels, weight = self.outputs.example_weights(y, sample_weight)
        with self._fast.in_use():
            terms, outputs = self._terms(x, labels, training=False)
        terms = weighted_batch.weigh(terms, weight)
        additional = self._additional_losses()
        return self._report(terms, additional, x, y, outputs, sample_weight)

    def predict_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self._replicas == 1:
            return self(x, training=False)
        # As in training, a replica may have no example.
        count = replicas.count(x)
        outputs = self(replicas.at_least_one(x), training=False)
        return keras.tree.map_structure(lambda z: z[:count], outputs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras 3 averages the replicas' batches here, which fails if they are
        # on several machines (keras issue 20585) or differ in size. Only the
        # metrics passed to `compile` need building, and the batch of one
        # replica is enough for that.
        if not self._compile_metrics or self._on_several_machines:
            return
        if iterator is not None and self._replicas > 1:
            local = self.distribute_strategy.experimental_local_results
            for _, _, batches in iterator:
                data_batch = tf.nest.map_structure(
                    lambda values: local(values)[0], next(batches)
                )
                break
            iterator = None
        super()._maybe_symbolic_build(iterator, data_batch)

    @property
    def _on_several_machines(self):
        return replicas.on_several_machines(self.distribute_strategy)

    def _report(self, terms, additional, x, y, outputs, sample_weight):
        """Updates all metrics and returns their results by name."""
        for name, metric in zip(
            self.term_names, self.term_metrics, strict=True
        ):
            metric.update_state(terms[name])
        # Keras reports what is minimised, regularisers included, as "loss".
        self._loss_tracker.update_state(terms["total"] + additional)
        labels = self.outputs.weigh_positions(y, sample_weight)
        y, outputs = self.outputs.plain(y), self.outputs.plain(outputs)
        for metric in self.output_metrics:
            metric.update_state(labels, outputs)
        return self._results(self.compute_metrics(x, y, outputs, sample_weight))

    def _results(self, reported):
        if self._on_several_machines:
            # Keras takes the mean over the first axis there, which a scalar
            # does not have.
            reported = {k: tf.reshape(v, [1]) for k, v in reported.items()}
        return reported
