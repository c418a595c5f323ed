"""What turns pictures into features, by which sets of pictures are judged."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from lit_tf import errors
from lit_tf.sections import sectioned_model, softmax


class Seen(NamedTuple):
    """What a network sees in a batch of pictures.

    `features` are `[batch, width]`; `probabilities` are `[batch, classes]`, or
    None where the network knows no classes. Both are float32.
    """

    features: tf.Tensor
    probabilities: tf.Tensor | None = None


@dataclasses.dataclass(frozen=True)
class Features:
    """A network that sees features in pictures.

    Attributes:
        name: what a figure must state: figures compare under one name only.
        width: how many features a picture has.
        classes: how many classes the network knows; 0 where it knows none.
        look: pictures → `Seen`, without the check of a call.
    """

    name: str
    width: int
    classes: int
    look: Callable[[tf.Tensor], Seen]

    def __call__(self, pictures: tf.Tensor) -> Seen:
        """Looks at pictures, `[batch, height, width, 3]` in [−1, 1], floating.

        Raises:
            ValueError: they have another shape or type.
        """
        pictures = tf.convert_to_tensor(pictures)
        shape, dtype = pictures.shape, pictures.dtype
        if shape.rank != 4 or shape[3] != 3 or not dtype.is_floating:
            raise ValueError(
                "Features are seen in floating pictures [batch, height, width, "
                f"3] in [−1, 1]. Received: {dtype.name}, shape {shape}."
            )
        return self.look(tf.cast(pictures, tf.float32))


def inception(
    weights: str | os.PathLike = "", *, download: bool = False
) -> Features:
    """Returns the 2048 pooled features and 1000 classes of Keras's InceptionV3.

    Its weights are not those of the first FID and Inception score (a graph of
    TensorFlow's of 2015, with 1008 classes): what is measured with it compares
    with what else is measured with it, and not with published values. Pictures
    are resized to 299 × 299 as `of_model` says.

    Args:
        weights: a file of weights (`.weights.h5`, or the `.h5` that Keras
            publishes) or of a whole InceptionV3 (`.keras`, `.h5`), with its
            1000 classes; it is preferred to a download.
        download: whether Keras may fetch its ImageNet weights (96 MB).

    Raises:
        SettingsError: neither is given.
        DataError: the file is missing, damaged or of another network, or the
            download failed.
    """
    errors.require(
        bool(weights) or download,
        "InceptionV3 needs a file of weights (--inception_weights) or leave to "
        "fetch them (--download_inception).",
        inception_weights=str(weights),
        download_inception=download,
    )
    if weights:
        network = keras.applications.InceptionV3(weights=None)
        _load(network, pathlib.Path(weights))
    else:
        network = _downloaded()
    name = pathlib.Path(weights).name if weights else "imagenet"
    # Keras's `inception_v3.preprocess_input` takes pixels to [−1, 1], where
    # pictures are already. The last Dense layer is given the pool.
    return _features(network, f"InceptionV3 pool (weights {name}", lambda x: x)


def of_model(path: str | os.PathLike) -> Features:
    """Returns the features of anybody's classifier of images.

    They are what its last Dense layer is given, also in a nested model, or its
    output if it has none; averaged over the axes of space, if any. Its output
    is its probabilities if it comes from a softmax, and their logits if it
    comes from a Dense layer without activation.

    The model is given raw pixels, from 0 to 255, as all classifiers of `lit_tf`
    take them, of the size it is built for: resized bilinearly, without aliasing
    where they shrink (Parmar et al., 2022). The grey that a model of one
    channel gets is the mean of the three.

    Args:
        path: a `.keras` or `.h5` file of a functional or sequential model.

    Raises:
        DataError: the file is missing, damaged, or not a model.
        SettingsError: the model is not one of one image and one output.
    """
    model = sectioned_model.load(path)
    inputs = getattr(model, "inputs", None) or []
    outputs = getattr(model, "outputs", None) or []
    shape = inputs[0].shape if len(inputs) == 1 else ()
    errors.require(
        len(shape) == 4 and shape[3] in (1, 3) and len(outputs) == 1,
        f"What sees features must be a functional model of one input, [batch, "
        f"height, width, 1 or 3], and one output; {path} is not.",
        inputs=[tensor.shape for tensor in inputs],
        outputs=[tensor.shape for tensor in outputs],
    )

    def pixels(pictures):
        if shape[3] == 1:
            pictures = tf.reduce_mean(pictures, axis=3, keepdims=True)
        return 127.5 * (pictures + 1)

    file = pathlib.Path(path).name
    return _features(model, f"features of {model.name} (file {file}", pixels)


def _features(model, name, scaled):
    (start,), (output,) = model.inputs, model.outputs
    before = _before_dense(output)
    probabilities = _probabilities(model, before)
    features = keras.ops.cast(output if before is None else before, "float32")
    if len(features.shape) > 2:
        space = list(range(1, len(features.shape) - 1))
        features = keras.ops.mean(features, axis=space)
    seen = [features] if probabilities is None else [features, probabilities]
    network = keras.Model(start, seen)
    # Its signature is the network's, so that no size of pictures or of a batch
    # traces it again.
    ask = tf.function(
        lambda inputs: tf.nest.flatten(network(inputs, training=False)),
        input_signature=[tf.TensorSpec(start.shape, start.dtype)],
        autograph=False,
    )
    return Features(
        f"{name}, {sectioned_model.fingerprint(model)})",
        features.shape[-1],
        0 if probabilities is None else probabilities.shape[-1],
        lambda pictures: Seen(*ask(_fitted(scaled(pictures), start))),
    )


def _probabilities(model, before):
    """Returns those of the classes, `[batch, classes]`, None if unknown."""
    (output,) = model.outputs
    if len(output.shape) != 2 or output.shape[-1] == 1:
        return None
    output = keras.ops.cast(output, "float32")
    if softmax.ends(model):
        return output
    activation = getattr(softmax.last(model), "activation", None)
    linear = activation in (None, keras.activations.linear)
    # Without a Dense layer they would be features, not logits.
    return keras.ops.softmax(output) if linear and before is not None else None


def _before_dense(tensor):
    """Returns what the last Dense layer on the way to a tensor is given.

    The way goes back through operations of one input, and into nested models.
    None if it ends before a Dense layer.
    """
    while True:
        operation, index, at = tensor._keras_history
        before = operation._inbound_nodes[index].input_tensors
        if len(before) != 1:
            return None
        (tensor,) = before
        if isinstance(operation, keras.layers.Dense):
            return tensor
        if getattr(operation, "outputs", None):
            inner = _before_dense(operation.outputs[at])
            if inner is not None:
                # Keras would number it, as it did those in the file.
                name = f"{operation.name}_before_dense"
                return keras.Model(operation.inputs, inner, name=name)(tensor)


def _fitted(inputs, start):
    """Returns inputs of the size and the type that a network starts with."""
    now = tuple(inputs.shape[1:3])
    size = tuple(a or b for a, b in zip(start.shape[1:3], now, strict=True))
    if size != now:
        shrinks = size[0] < now[0] or size[1] < now[1]
        inputs = tf.image.resize(inputs, size, antialias=shrinks)
    if tf.as_dtype(start.dtype).is_integer:
        inputs = tf.round(inputs)  # A cast alone would round down.
    return tf.cast(inputs, start.dtype)


def _load(network, path):
    if path.suffix != ".keras":
        return sectioned_model.load_weights(network, path)
    whole = sectioned_model.load(path)
    try:
        network.set_weights(whole.get_weights())
    except ValueError as error:
        raise errors.DataError(
            f"{path} is no InceptionV3 of 1000 classes "
            f"({errors.line(error)[:200]})."
        ) from error


def _downloaded():
    try:
        return keras.applications.InceptionV3(weights="imagenet")
    except Exception as error:  # Keras raises whatever the network provokes.
        raise errors.DataError(
            "The weights of InceptionV3 could not be fetched "
            f"({errors.line(error)[:200]}). A file of them can be given by "
            "--inception_weights."
        ) from error
