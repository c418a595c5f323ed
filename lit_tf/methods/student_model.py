"""`StudentModel`: a trainer as Keras sees it: data, metrics, files."""

from typing import Any

import keras
from keras.src.trainers.compile_utils import MetricsList

from lit_tf import errors
from lit_tf.methods import label_checks, text_lengths
from lit_tf.outputs import Outputs
from lit_tf.sections import functional, model_files


class StudentModel(keras.Model):
    """A model that trains another one, the student.

    Calling, saving and exporting it calls, saves and exports the student alone.
    Labels are checked before they are used.

    Args:
        student: the model to train.
        outputs: the kind of the student's output.
        **kwargs: arguments of `keras.Model`.
    """

    def __init__(self, student: keras.Model, outputs: Outputs, **kwargs: Any):
        # Under a global policy of half precision, Keras would round the inputs.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.student = student
        self.outputs = outputs
        self.label_smoothing = 0.0
        self._lengths_vary = False
        self.built = True

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The variables that this phase's optimizer changes."""
        return self.student.trainable_variables

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The variables that are trained, in the optimizer's order.

        At the end of `fit`, Keras assigns an optimizer's averages to them
        (`use_ema`).
        """
        return self.trained_variables

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """The same variables."""
        return self.trained_variables

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """All metrics, and a list that shows callbacks their directions."""
        metrics = super().metrics
        return [*metrics, _Directions(metrics, name="directions")]

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics."""
        return [metric.name for metric in super().metrics]

    def smooth_labels(self, share: float) -> None:
        """Smooths the labels of the hard loss; call it before `compile`.

        `compile` then takes no `loss`.

        Args:
            share: ε in [0, 1), what is spread evenly over all classes; 0 for
                the labels as they are.

        Raises:
            SettingsError: if the loss has no classes, or is the user's own.
        """
        errors.require(
            "hard" in self.term_names or not share,
            "`label_smoothing` changes the hard loss, which "
            f"{type(self).__name__} does not have. Set it to 0.",
            label_smoothing=share,
        )
        self.replace_outputs(self.outputs.smoothed(share))
        self.label_smoothing = share

    def replace_outputs(self, outputs: Outputs) -> None:
        """Replaces the kind of output, whose metrics the trainer keeps."""
        self.outputs = outputs
        for metric in self.output_metrics:
            metric.kind = outputs

    def accept_lengths(self) -> None:
        """Lets training batches be shorter than the inputs of the models.

        A step is traced for each length. Call it before `fit`.
        """
        text_lengths.accept(*self.models_of_a_step)
        self._lengths_vary = True
        self.train_function = None

    def make_train_function(self, force: bool = False):
        if not self._lengths_vary or self.run_eagerly:
            return super().make_train_function(force)
        if self.train_function is None or force:
            self.train_function = text_lengths.by_length(
                self._new_train_function, self.steps_per_execution
            )
        return self.train_function

    def _new_train_function(self):
        used = self.train_function
        super().make_train_function(force=True)
        made, self.train_function = self.train_function, used
        return made

    def call(self, inputs, training=None):
        return self.student(inputs, training=training)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any):
        """Trains the student, as `keras.Model.fit` does.

        Args:
            x: arrays, a `tf.data.Dataset` or anything that Keras takes.
            y: labels, `[examples, ...]`, if `x` holds none.
            *args: further arguments of `keras.Model.fit`.
            **kwargs: further arguments of `keras.Model.fit`.

        Returns:
            The history of Keras.

        Raises:
            SettingsError: if labels do not fit the kind of output.
        """
        self._check_weights(**kwargs)
        x, y = label_checks.checked(self, x, y)
        validation = kwargs.get("validation_data")
        if validation is not None:
            kwargs["validation_data"] = label_checks.checked_pair(
                self, validation
            )
        with label_checks.in_one_sentence():
            return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any):
        """Evaluates the student, as `keras.Model.evaluate` does.

        Args:
            x: arrays, a `tf.data.Dataset` or anything that Keras takes.
            y: labels, `[examples, ...]`, if `x` holds none.
            *args: further arguments of `keras.Model.evaluate`.
            **kwargs: further arguments of `keras.Model.evaluate`.

        Returns:
            The loss and the metrics.

        Raises:
            SettingsError: if labels do not fit the kind of output.
        """
        self._check_weights(**kwargs)
        # Keras evaluates within `fit` on data that `fit` has checked.
        if not kwargs.get("_use_cached_eval_dataset"):
            x, y = label_checks.checked(self, x, y)
        with label_checks.in_one_sentence():
            return super().evaluate(x, y, *args, **kwargs)

    def _check_weights(self, sample_weight=None, class_weight=None, **_):
        """Refuses weights that Keras drops if there are no labels."""
        errors.require(
            self.outputs.reads_labels
            or (sample_weight is None and class_weight is None),
            "Examples without labels have no weights. Repeat the examples that "
            "should count more.",
            sample_weight=sample_weight is not None,
            class_weight=class_weight,
        )

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any):
        """Trains on one batch, as `keras.Model.train_on_batch` does."""
        x, y = label_checks.checked(self, x, y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any):
        """Evaluates one batch, as `keras.Model.test_on_batch` does."""
        x, y = label_checks.checked(self, x, y)
        return super().test_on_batch(x, y, *args, **kwargs)

    def save(self, filepath, *args, **kwargs):
        """Saves the student, without the teacher and the optimizer.

        To train on, create a new trainer on the student that `lit_tf.load`
        returns.
        """
        model_files.write(self.student, filepath, *args, **kwargs)

    def save_weights(self, filepath, **kwargs):
        """Saves the weights of the student alone."""
        self.student.save_weights(filepath, **kwargs)

    def load_weights(self, filepath, **kwargs):
        """Loads weights into the student."""
        self.student.load_weights(filepath, **kwargs)

    def export(self, filepath, **kwargs):
        """Exports the student alone, in inference mode."""
        functional.inference_mode(self.student).export(filepath, **kwargs)


class _Directions(MetricsList):
    """Metrics whose directions callbacks read, such as `EarlyStopping`.

    Keras looks for directions only in lists of this kind. This one holds the
    metrics of a trainer, which computes and resets them itself.
    """

    variables = property(lambda self: [])

    def reset_state(self):
        """Leaves the metrics as they are."""

    def result(self):
        """Returns no result: the metrics report their own."""
        return {}
