"""What the phases share: a step that minimises named losses of a student."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from lit_tf import config, errors, layers
from lit_tf.outputs import Outputs, Terms
from lit_tf.sections import compatibility, sectioned_model
from lit_tf.teacher.frozen import dtype_for, freeze


class Trainer(keras.Model):
    """Trains a student; a subclass says which losses, in `terms`.

    It is compiled and fitted like any `keras.Model`, under any strategy, with
    or without loss scaling, and reports every term as a metric. What is saved,
    exported and called is the student: the teacher is held out of Keras's
    sight.

    A subclass gives the names of its terms, implements `terms` and may narrow
    `trained_variables`.

    Args:
        student: the model that is trained.
        teacher: whom `terms` asks for answers, by its frozen twin; never
            trained or saved. None where nobody is asked.
        names: the names of the terms, in the order in which one can spoil the
            next; "total" is the one that is minimised.
        outputs: what the student's output is.
        teacher_dtype: in which the teacher computes (see `teacher.dtype_for`).
        frozen: the teacher's twin, where there is one already.

    Raises:
        SettingsError: one of them ends in a softmax, or they share weights.
    """

    # Whether `terms` reads the teacher's representations, or its output alone.
    reads_representations = False
    # As many batches as a step wants.
    batches = 1

    def __init__(
        self,
        student: keras.Model,
        teacher: keras.Model | None,
        names: Sequence[str],
        *,
        outputs: Outputs,
        teacher_dtype: str = config.Frozen.teacher_dtype,
        frozen: keras.Model | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        outputs.check(student, "student")
        if teacher is not None:
            outputs.check(teacher, "teacher")
            compatibility.check_apart(teacher, student)
        self.student = student
        # Keras tracks whatever is a layer and an attribute, and saves it. An
        # attribute set past Keras is neither tracked nor saved.
        object.__setattr__(self, "teacher", teacher)
        if teacher is not None:
            if frozen is None:
                dtype = dtype_for(student, teacher_dtype)
                frozen = freeze(teacher, dtype)
            object.__setattr__(self, "frozen", frozen)
        self.term_names = tuple(names)
        self.term_metrics = [keras.metrics.Mean(name) for name in names]
        self.outputs = outputs
        self.output_metrics = outputs.metrics()
        self.built = True

    def terms(
        self, x: Any, y: tf.Tensor, *, training: bool
    ) -> tuple[Terms, tf.Tensor]:
        """Computes every term of the loss and the student's output.

        Args:
            x: a batch of inputs, perhaps with the teacher's answers (see
                `teacher.Answered`).
            y: `[batch, ...]`, labels.
            training: whether BatchNorm and the like are to train.

        Returns:
            The terms by name, each `[batch]` in float32, and the output,
            `[batch, ...]`.
        """
        raise NotImplementedError

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The variables that this phase's optimiser changes."""
        return self.student.trainable_variables

    @property
    def optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        """The optimisers, which follow one learning rate."""
        return (self.optimizer,)

    @property
    def auxiliary_models(self) -> dict[str, keras.Model]:
        """What is trained beside the student and saved with it, by name."""
        return {}

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        """All that training changes, in groups: what a checkpoint holds."""
        return {
            "student": self.student.variables,
            "optimizer": self.optimizer.variables,
            "metrics": self.metrics_variables,
        }

    def call(self, inputs, training=None):
        return self.student(inputs, training=training)

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "sgd",
        *,
        jit_compile: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Configures training, as `keras.Model.compile` does.

        Args:
            optimizer: a Keras optimiser or its name. It is wrapped for loss
                scaling when the student computes in float16.
            jit_compile: whether XLA compiles the step; None chooses by device:
                on for a single GPU, off elsewhere, where it is slower.
            **kwargs: `metrics`, `run_eagerly`, `steps_per_execution` and the
                like. A `loss` takes the place of the hard loss; of several
                outputs there may be one each, and `loss_weights`.

        Raises:
            SettingsError: a `loss` was given where labels are not learned, or
                does not fit the outputs.
        """
        own = {
            name: value
            for name in ("loss", "loss_weights")
            if (value := kwargs.pop(name, None)) is not None
        }
        if own:
            if "hard" not in self.term_names:
                raise errors.SettingsError(
                    f"{type(self).__name__} brings its own losses; compile it "
                    f"without `loss`. Received: {own}."
                )
            self.outputs = self.outputs.compiled(**own)
        optimizer = keras.optimizers.get(optimizer)
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if (
            "float16" in sectioned_model.computes_in(self.student)
            and not scaled
        ):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        if jit_compile is None:
            jit_compile = len(tf.config.list_logical_devices("GPU")) == 1
        super().compile(
            optimizer=optimizer,
            jit_compile=jit_compile,
            auto_scale_loss=False,
            **kwargs,
        )
        # Under the scope, so that an optimiser from outside it is refused.
        with self.distribute_strategy.scope():
            self.optimizer.build(self.trained_variables)

    def train_step(self, data):
        x, y, sample_weight = _unpack(data)
        terms, outputs, additional = self._descend(x, y, sample_weight)
        return self._report(terms, additional, x, y, outputs, sample_weight)

    def _descend(self, x, y, sample_weight):
        """Takes a step of the student; returns terms, output, other losses."""
        mine, everyones = self._examples(y)
        y, weight = self.outputs.weighed(y, sample_weight)
        with tf.GradientTape() as tape:
            with layers.weighed(self._replicas * mine / everyones):
                terms, outputs = self._terms(x, y, training=True)
            terms = _weighed(terms, weight)
            additional = self._additional_losses()
            # Gradients are summed over the replicas, so each contributes what
            # its examples are of the global batch, however uneven the shares.
            loss = tf.reduce_sum(terms["total"]) / everyones
            loss += additional * mine / everyones
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trained_variables)
        self.optimizer.apply(gradients, self.trained_variables)
        return terms, outputs, additional

    def test_step(self, data):
        x, y, sample_weight = _unpack(data)
        weighed, weight = self.outputs.weighed(y, sample_weight)
        terms, outputs = self._terms(x, weighed, training=False)
        terms = _weighed(terms, weight)
        additional = self._additional_losses()
        return self._report(terms, additional, x, y, outputs, sample_weight)

    def predict_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self._replicas == 1:
            return self(x, training=False)
        # As in training, a replica may have no example.
        count = _count(x)
        answers = self(at_least_one(x), training=False)
        return keras.tree.map_structure(lambda z: z[:count], answers)

    def save(self, filepath, **kwargs):
        """Saves the student, and the student alone.

        A trainer is made anew on the student that `lit_tf.load` returns.
        """
        self.student.save(filepath, **kwargs)

    def save_weights(self, filepath, **kwargs):
        """Saves the weights of the student, and of the student alone."""
        self.student.save_weights(filepath, **kwargs)

    def load_weights(self, filepath, **kwargs):
        """Loads weights into the student."""
        self.student.load_weights(filepath, **kwargs)

    def export(self, filepath, **kwargs):
        """Exports the student, and the student alone."""
        self.student.export(filepath, **kwargs)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras 3 averages the replicas' batches here, which fails where they
        # are on several machines (keras issue 20585) or differ in size. There
        # is nothing to build but the metrics that a user compiles with, for
        # which one replica's will do.
        if not self._compile_metrics or self._on_several_machines:
            return
        if iterator is not None and self._replicas > 1:
            mine = self.distribute_strategy.experimental_local_results
            for _, _, batches in iterator:
                data_batch = tf.nest.map_structure(
                    lambda values: mine(values)[0], next(batches)
                )
                break
            iterator = None
        super()._maybe_symbolic_build(iterator, data_batch)

    @property
    def _on_several_machines(self):
        # TF_CONFIG may also name a single one.
        strategy = self.distribute_strategy
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return False
        jobs = strategy.cluster_resolver.cluster_spec().as_dict()
        return sum(map(len, jobs.values())) > 1

    @property
    def _replicas(self):
        return self.distribute_strategy.num_replicas_in_sync

    def _terms(self, x, y, *, training):
        if self._replicas == 1:
            return self.terms(x, y, training=training)
        # Where there are fewer examples than replicas some have none, on which
        # TensorFlow's fused convolutions fail. They get one that counts for
        # nothing: not in a term, not in a gradient, not in BatchNorm.
        terms, outputs = self.terms(
            at_least_one(x), at_least_one(y), training=training
        )
        count = _count(y)
        terms = {name: values[:count] for name, values in terms.items()}
        return terms, keras.tree.map_structure(lambda z: z[:count], outputs)

    def _examples(self, labels):
        """Returns how many examples this replica has, and all replicas."""
        mine = tf.cast(_count(labels), tf.float32)
        if self._replicas == 1:
            return mine, mine
        context = tf.distribute.get_replica_context()
        return mine, context.all_reduce(tf.distribute.ReduceOp.SUM, mine)

    def _additional_losses(self):
        # Those of the student's layers: regularisers and `add_loss`.
        values = [tf.reduce_sum(loss) for loss in self.student.losses]
        values = [tf.cast(value, tf.float32) for value in values]
        return tf.add_n([tf.zeros([]), *values])

    def _report(self, terms, additional, x, y, outputs, sample_weight):
        for name, metric in zip(
            self.term_names, self.term_metrics, strict=True
        ):
            metric.update_state(terms[name])
        # Keras's own word for what is minimised, regularisers included.
        self._loss_tracker.update_state(terms["total"] + additional)
        for metric in self.output_metrics:
            metric.update_state(y, outputs)
        reported = self.compute_metrics(x, y, outputs, sample_weight)
        if self._on_several_machines:
            # There Keras takes their mean over an axis that scalars lack.
            reported = {k: tf.reshape(v, [1]) for k, v in reported.items()}
        return reported


def _unpack(data):
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if y is None:
        raise errors.SettingsError(
            "Training and evaluation need labels. Received: inputs alone."
        )
    return x, y, sample_weight


def _count(batch):
    return tf.shape(keras.tree.flatten(batch)[0])[0]


def at_least_one(batch):
    """Returns the batch, with one example of zeros if it had none."""

    def padded(tensor):
        # Not by `tf.pad`, which oneDNN would fuse with a convolution.
        shape = tf.shape(tensor)
        missing = tf.maximum(1 - shape[:1], 0)
        zeros = tf.zeros(tf.concat([missing, shape[1:]], 0), tensor.dtype)
        return tf.concat([tensor, zeros], 0)

    return tf.nest.map_structure(padded, batch)


def _weighed(terms, sample_weight):
    if sample_weight is None:
        return terms
    weight = tf.cast(tf.reshape(sample_weight, [-1]), tf.float32)
    return {name: value * weight for name, value in terms.items()}
