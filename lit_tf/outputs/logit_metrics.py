"""Metrics that `compile` receives by name, built for logits."""

import inspect
from typing import Any

import keras


def build(metrics: Any, outputs: keras.KerasTensor) -> Any:
    """Returns metrics in which names are replaced by metrics of logits.

    Args:
        metrics: as `compile` takes them for one output.
        outputs: the symbolic output of the model.
    """
    return keras.tree.map_structure(
        lambda one: _of_logits(one, outputs.shape[-1]), metrics
    )


def _of_logits(metric, size):
    if not isinstance(metric, str):
        return metric
    if metric in ("accuracy", "acc"):
        if size != 1:
            return metric  # Keras compares the largest logit with the label.
        return keras.metrics.BinaryAccuracy(metric, threshold=0.0)
    found = getattr(keras.metrics, metric, None)
    if found is None:
        return metric
    arguments = _arguments(inspect.signature(found).parameters)
    if not arguments:
        return metric
    if inspect.isclass(found):
        return found(**arguments)
    return keras.metrics.MeanMetricWrapper(found, name=metric, **arguments)


def _arguments(parameters):
    """Returns the arguments with which a metric reads logits.

    A probability of 0.5 is a logit of 0.
    """
    if "from_logits" in parameters:
        return {"from_logits": True}
    threshold = parameters.get("threshold")
    if threshold is not None and threshold.default == 0.5:
        return {"threshold": 0.0}
    if "thresholds" in parameters:  # None stands for 0.5.
        return {"thresholds": 0.0}
    return {}
