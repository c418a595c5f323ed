"""`Several`: models with several outputs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.outputs.kind import Outputs, Terms
from lit_tf.outputs.label_faults import Fault
from lit_tf.sections import structure


class _WeightedLabels(NamedTuple):
    """Labels, with each output's sample weight relative to their mean."""

    labels: Any
    weights: Mapping[str, tf.Tensor]


class Several(Outputs):
    """Several outputs, each of its own kind: a weighted sum of their losses.

    Labels are nested as the model nests its outputs. Those of a model that
    returns a list may also be given by the names of the output layers, as in
    `keras.Model.fit`, if `names` tells them.

    Example:
    ```python
    import keras

    import lit_tf
    from lit_tf import outputs

    inputs = keras.Input((8,))
    x = keras.layers.Dense(16, activation="relu")(inputs)
    animal, age = keras.layers.Dense(3)(x), keras.layers.Dense(1)(x)
    model = keras.Model(inputs, {"animal": animal, "age": age})
    kind = outputs.Several(
        {"animal": outputs.Classes(), "age": outputs.Values()},
        loss_weights={"animal": 1.0, "age": 0.1},
    )
    trainer = lit_tf.Teach(model, outputs=kind)
    ```

    Args:
        kinds: the kind of each output, in a list or by name, nested as the
            model nests its outputs.
        loss_weights: the weights of their losses, ≥ 0, nested likewise; 1 each
            when None.
        names: the names of the outputs in a list, `model.output_names`; () for
            none.

    Raises:
        SettingsError: if the weights are nested differently, or negative.
    """

    names = ("hard", "soft", "kd")

    def __init__(
        self,
        kinds: Sequence[Outputs] | Mapping[str, Outputs],
        loss_weights: Sequence[float] | Mapping[str, float] | None = None,
        names: Sequence[str] = (),
    ):
        self.kinds = _by_name(kinds)
        self._own_names = (
            dict(zip(names, self.kinds, strict=True)) if names else {}
        )
        self.weights = dict.fromkeys(self.kinds, 1.0)
        if loss_weights is not None:
            self.weights |= self._each("loss_weights", loss_weights)
        errors.require(
            all(weight >= 0 for weight in self.weights.values()),
            "`loss_weights` must be ≥ 0.",
            loss_weights=loss_weights,
        )

    def with_losses(
        self, loss: Any = None, loss_weights: Any = None
    ) -> "Several":
        """Returns a copy with other hard losses or weights.

        Args:
            loss: losses that replace the hard losses, nested like the outputs;
                None, for all outputs or for one, keeps the present loss.
            loss_weights: weights that replace the present ones, nested
                likewise.

        Raises:
            SettingsError: if they are nested differently.
        """
        own = {} if loss is None else self._each("loss", loss)
        kinds = {
            name: kind if own.get(name) is None else kind.with_losses(own[name])
            for name, kind in self.kinds.items()
        }
        weights = dict(self.weights)
        if loss_weights is not None:
            weights |= self._each("loss_weights", loss_weights)
        return Several(kinds, weights, [*self._own_names])

    def smoothed(self, share: float) -> "Several":
        """Returns a copy in which every kind smooths its labels."""
        kinds = {n: kind.smoothed(share) for n, kind in self.kinds.items()}
        return Several(kinds, self.weights, [*self._own_names])

    def check(self, model: keras.Model, role: str, at: int = 0) -> None:
        """Raises `SettingsError` if a model returns other outputs."""
        del at  # All outputs are checked.
        outputs = _by_name(structure.outputs_of(model))
        if outputs.keys() != self.kinds.keys():
            raise errors.SettingsError(
                f"The {role} must return outputs {', '.join(self.kinds)}. "
                f"Received: a model that returns {', '.join(outputs)}."
            )
        flat = [id(tensor) for tensor in model.outputs]
        for name, kind in self.kinds.items():
            kind.check(model, role, flat.index(id(outputs[name])))

    def example_weights(self, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Returns the labels and one weight for each example.

        The weight of an example is the mean of its outputs' weights. It applies
        to the penalties on representations, which all outputs share.
        """
        y = self.plain(y)
        if not keras.tree.is_nested(sample_weight):
            return y, sample_weight
        each = self._each("sample_weight", sample_weight)
        for name, value in each.items():
            errors.require(
                len(value.shape) == 1 or tuple(value.shape[1:]) == (1,),
                "`sample_weight` of several outputs must be one weight for "
                "each example, [batch].",
                **{name: tuple(value.shape)},
            )
        weights = {
            name: tf.cast(tf.reshape(value, [-1]), tf.float32)
            for name, value in each.items()
        }
        mean = tf.add_n(list(weights.values())) / len(weights)
        relative = {
            name: tf.math.divide_no_nan(value, mean)
            for name, value in weights.items()
        }
        return _WeightedLabels(y, relative), mean

    def plain(self, nested: Any) -> Any:
        """Returns the outputs as they are, or by the names of `kinds`."""
        if not isinstance(nested, Mapping):
            return nested
        own = self._own_names
        return {own.get(name, name): one for name, one in nested.items()}

    def label_faults(self, y: Any, z: Any) -> list[Fault]:
        """Returns the faults of the labels of every output."""
        y, z = self._each("labels", y), _by_name(z)
        return [
            fault._replace(sentence=f"Output {name}: {fault.sentence}")
            for name, kind in self.kinds.items()
            for fault in kind.label_faults(y[name], z[name])
        ]

    def compiled_metrics(self, metrics: Any, outputs: Any) -> Any:
        """Returns metrics with those that are names built for each kind."""
        z = _by_name(outputs)
        if isinstance(metrics, Mapping):
            return {
                name: self.kinds[own].compiled_metrics(one, z[own])
                if (own := self._own_names.get(name, name)) in self.kinds
                else one
                for name, one in metrics.items()
            }
        if not isinstance(metrics, list | tuple) or len(metrics) != len(z):
            return metrics
        pairs = zip(self.kinds.items(), metrics, strict=True)
        return [
            kind.compiled_metrics(one, z[name]) for (name, kind), one in pairs
        ]

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the metrics of every output, named `OUTPUT_METRIC`."""
        return [
            _Metric(metric, name)
            for name, kind in self.kinds.items()
            for metric in kind.metrics()
        ]

    def hard(self, y: Any, z: Any) -> tf.Tensor:
        """Computes the weighted sum of the hard losses, `[batch]`, float32."""
        y, weights = self._labels(y)
        z = _by_name(z)
        each = [
            weights[name] * kind.hard(y[name], z[name])
            for name, kind in self.kinds.items()
        ]
        return tf.add_n(each)

    def terms(self, y: Any, z_t: Any, z_s: Any) -> Terms:
        """Computes hard, soft and kd, each `[batch]` in float32."""
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
        """Returns the labels and the loss weights by output."""
        weights = self.weights
        if isinstance(y, _WeightedLabels):
            weights = {n: w * y.weights[n] for n, w in weights.items()}
            y = y.labels
        return self._each("labels", y), weights

    def _each(self, argument, values):
        """Returns an argument's values by the name of the output.

        Args:
            argument: the argument's name, for the message.
            values: a value for each output, nested like the outputs. A mapping
                of losses may lack some outputs.

        Raises:
            SettingsError: if the values are nested differently.
        """
        nested = isinstance(values, Mapping | list | tuple)
        by_name = _by_name(self.plain(values)) if nested else {}
        may_lack = isinstance(values, Mapping) and "loss" in argument
        missing = self.kinds.keys() - by_name.keys()
        unknown = by_name.keys() - self.kinds.keys()
        if unknown or (missing and not may_lack):
            raise errors.SettingsError(
                f"`{argument}` must be nested like the outputs: "
                f"{', '.join(self.kinds)}. Received: "
                f"{', '.join(by_name) if nested else values!r}."
            )
        return by_name


class _Metric(keras.metrics.Metric):
    """A metric of one output among several."""

    def __init__(self, metric, output):
        super().__init__(name=f"{output}_{metric.name}")
        self.metric, self.output = metric, output
        self._direction = getattr(metric, "_direction", None)

    def __setattr__(self, name, value):
        if name == "kind":  # The trainer's outputs, after `compile`.
            self.metric.kind = value.kinds[self.output]
        else:
            super().__setattr__(name, value)

    def update_state(self, y, z):
        y, z = (_by_name(nested)[self.output] for nested in (y, z))
        self.metric.update_state(y, z)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()


def _by_name(nested):
    """Returns values by name; those of a list by `output_1` and so on."""
    if isinstance(nested, Mapping):
        return dict(nested)
    flat = nested if isinstance(nested, list | tuple) else [nested]
    return {f"output_{i}": one for i, one in enumerate(flat, 1)}
