"""`logits`: finds and removes the final softmax of a model."""

import keras

from lit_tf.sections.sectioned_model import SectionedModel


def last(model: keras.Model, at: int = 0) -> keras.Operation:
    """Returns the operation that computes an output, also in a nested model.

    Args:
        model: functional or sequential.
        at: number of the output; the first by default.
    """
    operation = model
    while getattr(operation, "outputs", None):
        operation, _, at = operation.outputs[at]._keras_history
    return operation


def ends(model: keras.Model, at: int = 0) -> bool:
    """Returns whether an output of a model comes from a softmax.

    Args:
        model: functional or sequential.
        at: number of the output; the first by default.
    """
    operation = last(model, at)
    if type(operation).__name__ == "Softmax":  # The layer or the operation.
        return True
    return getattr(operation, "activation", 0) is keras.activations.softmax


def logits(model: keras.Model) -> keras.Model:
    """Removes the final softmax of a model, so that it returns logits.

    The KD loss needs the logits of teacher and student. The order of the
    classes does not change. Layers are shared with the model, except a last
    layer with a softmax activation, which is copied.

    Example:
    ```python
    import keras

    import lit_tf

    model = keras.applications.MobileNetV2(weights=None, classes=10)
    teacher = lit_tf.logits(model)
    ```

    Args:
        model: functional or sequential, with one output.

    Returns:
        A model that returns logits; `model` itself if it does not end in a
        softmax.
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
        outputs = logits(inner)(before)
    elif hasattr(operation, "activation") and operation.weights:
        linear = type(operation).from_config(
            operation.get_config() | {"activation": "linear"}
        )
        outputs = linear(before)
        linear.set_weights(operation.get_weights())
    else:
        outputs = before
    inputs = model.inputs[0] if len(model.inputs) == 1 else model.inputs
    return keras.Model(inputs, outputs, name=model.name)
