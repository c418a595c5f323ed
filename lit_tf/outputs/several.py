"""Several outputs at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.outputs.kind import Outputs, Terms


class _Weighed(NamedTuple):
    """Labels, and of each output how much it counts more than the mean one."""

    labels: Any
    weights: Mapping[str, tf.Tensor]


class Several(Outputs):
    """Several outputs, each of its kind: their losses are weighed and summed.

    Labels and outputs are nested as the model nests its outputs.

    Args:
        kinds: of the outputs, in a list or by name: as the model returns them.
        loss_weights: of their losses, nested likewise; by default 1 each.

    Raises:
        SettingsError: weights are nested otherwise, or below 0.
    """

    names = ("hard", "soft", "kd")

    def __init__(
        self,
        kinds: Sequence[Outputs] | Mapping[str, Outputs],
        loss_weights: Sequence[float] | Mapping[str, float] | None = None,
    ):
        self.kinds = _by_name(kinds)
        self.weights = dict.fromkeys(self.kinds, 1.0)
        if loss_weights is not None:
            self.weights |= self._each("loss_weights", loss_weights)
        errors.require(
            all(weight >= 0 for weight in self.weights.values()),
            "`loss_weights` must be ≥ 0.",
            loss_weights=loss_weights,
        )

    def compiled(self, loss: Any = None, loss_weights: Any = None) -> "Several":
        """Returns these outputs with other hard losses, or weights.

        Args:
            loss: in the place of the hard loss, nested as the outputs; None,
                and of an output, for its own.
            loss_weights: likewise.

        Raises:
            SettingsError: they are nested otherwise.
        """
        own = {} if loss is None else self._each("loss", loss)
        kinds = {
            name: kind if own.get(name) is None else kind.compiled(own[name])
            for name, kind in self.kinds.items()
        }
        weights = dict(self.weights)
        if loss_weights is not None:
            weights |= self._each("loss_weights", loss_weights)
        return Several(kinds, weights)

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` where a model's outputs are others."""
        del at  # They are all there are.
        outputs = _by_name(model.output)
        if outputs.keys() != self.kinds.keys():
            raise errors.SettingsError(
                f"The {role} must return outputs {', '.join(self.kinds)}. "
                f"Received: a model that returns {', '.join(outputs)}."
            )
        flat = [id(tensor) for tensor in model.outputs]
        for name, kind in self.kinds.items():
            kind.check(model, role, flat.index(id(outputs[name])))

    def weighed(self, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Returns labels and the weight of each example.

        That is the mean of its outputs' weights: by it a penalty on
        representations counts, which are of all outputs.
        """
        if not keras.tree.is_nested(sample_weight):
            return y, sample_weight
        weights = {
            name: tf.cast(tf.reshape(value, [-1]), tf.float32)
            for name, value in self._each(
                "sample_weight", sample_weight
            ).items()
        }
        mean = tf.add_n(list(weights.values())) / len(weights)
        relative = {
            name: tf.math.divide_no_nan(value, mean)
            for name, value in weights.items()
        }
        return _Weighed(y, relative), mean

    def metrics(self) -> list[keras.metrics.Metric]:
        return [
            _Metric(metric, name)
            for name, kind in self.kinds.items()
            for metric in kind.metrics()
        ]

    def hard(self, y: Any, z: Any) -> tf.Tensor:
        """Computes what the outputs miss their labels by, `[batch]`."""
        y, weights = self._labels(y)
        z = _by_name(z)
        each = [
            weights[name] * kind.hard(y[name], z[name])
            for name, kind in self.kinds.items()
        ]
        return tf.add_n(each)

    def terms(self, y: Any, z_t: Any, z_s: Any) -> Terms:
        """Computes each term, `[batch]` in float32."""
        y, weights = self._labels(y)
        z_t, z_s = map(_by_name, (z_t, z_s))
        each = {
            name: kind.terms(y[name], z_t[name], z_s[name])
            for name, kind in self.kinds.items()
        }
        return {
            term: tf.add_n(
                [weights[n] * terms[term] for n, terms in each.items()]
            )
            for term in self.names
        }

    def _labels(self, y):
        """Returns labels and weights, by output."""
        weights = self.weights
        if isinstance(y, _Weighed):
            weights = {n: w * y.weights[n] for n, w in weights.items()}
            y = y.labels
        return self._each("labels", y), weights

    def _each(self, what, given):
        """Returns by output what is given for each of them, or for some."""
        nested = isinstance(given, Mapping | list | tuple)
        found = _by_name(given) if nested else {}
        # By name some losses will do.
        some = isinstance(given, Mapping) and "loss" in what
        missing = self.kinds.keys() - found.keys()
        unknown = found.keys() - self.kinds.keys()
        if unknown or (missing and not some):
            raise errors.SettingsError(
                f"`{what}` must be nested as the outputs are: "
                f"{', '.join(self.kinds)}. Received: "
                f"{', '.join(found) if nested else given!r}."
            )
        return found


class _Metric(keras.metrics.Metric):
    """One of several outputs' metrics."""

    def __init__(self, metric, output):
        super().__init__(name=f"{output}_{metric.name}")
        self.metric, self.output = metric, output

    def update_state(self, y, z):
        y, z = (_by_name(nested)[self.output] for nested in (y, z))
        self.metric.update_state(y, z)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()


def _by_name(nested):
    """Returns what is nested by its name, or `output_1`, `output_2`, …"""
    if isinstance(nested, Mapping):
        return dict(nested)
    flat = nested if isinstance(nested, list | tuple) else [nested]
    return {f"output_{i}": one for i, one in enumerate(flat, 1)}
