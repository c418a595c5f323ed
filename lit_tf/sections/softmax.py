"""A final softmax: found, named, and taken off, so that logits come out."""

import keras

from lit_tf.sections.sectioned_model import SectionedModel


def last(model: keras.Model, at: int = 0) -> keras.Operation:
    """Returns the operation that makes a model's output, also a nested one.

    Args:
        model: functional or sequential.
        at: which of its outputs.
    """
    operation = model
    while getattr(operation, "outputs", None):
        operation, _, at = operation.outputs[at]._keras_history
    return operation


def ends(model: keras.Model, at: int = 0) -> bool:
    """Returns whether a model's output comes from a softmax."""
    operation = last(model, at)
    if type(operation).__name__ == "Softmax":  # A layer, or `keras.ops`.
        return True
    return getattr(operation, "activation", 0) is keras.activations.softmax


def logits(model: keras.Model) -> keras.Model:
    """Returns a model without its final softmax, or itself if it has none.

    So teacher and student answer with logits, which KD softens. The answers are
    in the same order; the weights are shared.

    Args:
        model: functional or sequential, of one output.
    """
    if not ends(model):
        return model
    if isinstance(model, SectionedModel):
        return SectionedModel(
            model.stem,
            model.sections,
            logits(model.head),
            name=model.name,
            depth=model.depth,
            facts=model.facts,
        )
    operation, index, at = model.outputs[0]._keras_history
    before = operation._inbound_nodes[index].input_tensors
    before = before[0] if len(before) == 1 else before
    if isinstance(operation, keras.Model):
        inner = keras.Model(
            operation.inputs, operation.outputs[at], name=operation.name
        )
        answers = logits(inner)(before)
    elif hasattr(operation, "activation") and operation.weights:
        twin = type(operation).from_config(
            operation.get_config() | {"activation": "linear"}
        )
        answers = twin(before)
        twin.set_weights(operation.get_weights())
    else:
        answers = before
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, answers, name=model.name)
