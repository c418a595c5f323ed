"""Networks that extract the features of images for FID and Inception score."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from lit_tf import errors, layers
from lit_tf.sections import copying, model_files, sectioned_model, softmax


class Features(NamedTuple):
    """Features and class probabilities of a batch of images, float32.

    Args:
        features: `[batch, width]`.
        probabilities: `[batch, classes]`; None if the network has no classes.
    """

    features: tf.Tensor
    probabilities: tf.Tensor | None = None


@dataclasses.dataclass(frozen=True)
class FeatureExtractor:
    """A network that extracts features of images.

    Args:
        name: the name to state with every figure. Figures are comparable only
            under the same name.
        width: number of features of an image.
        classes: number of classes of the network; 0 for none.
        extract: function of images that returns `Features`, without the check
            of a call.
    """

    name: str
    width: int
    classes: int
    extract: Callable[[tf.Tensor], Features]

    def __call__(self, images: tf.Tensor) -> Features:
        """Extracts the features of images.

        Args:
            images: `[batch, height, width, 3]` in [−1, 1], floating point.

        Raises:
            ValueError: if the images have another shape or type.
        """
        images = tf.convert_to_tensor(images)
        shape, dtype = images.shape, images.dtype
        if shape.rank != 4 or shape[3] != 3 or not dtype.is_floating:
            raise ValueError(
                "A feature extractor needs floating-point images [batch, "
                "height, width, 3] in [−1, 1]. Received: "
                f"{dtype.name}, shape {shape}."
            )
        return self.extract(tf.cast(images, tf.float32))


def inception(
    weights: str | os.PathLike = "", *, download: bool = False
) -> FeatureExtractor:
    """Returns Keras's InceptionV3: 2048 pooled features and 1000 classes.

    Its weights differ from those of the first FID and Inception score (a
    TensorFlow graph of 2015 with 1008 classes). Compare its figures with other
    figures from the same weights, not with published values. Images are resized
    to 299 × 299 as in `from_model_file`.

    Args:
        weights: a file of weights (`.weights.h5`, or the `.h5` that Keras
            publishes) or of a whole InceptionV3 with its 1000 classes
            (`.keras`, `.h5`). If given, nothing is downloaded.
        download: whether Keras may download its ImageNet weights (96 MB).

    Raises:
        SettingsError: if neither is given.
        DataError: if the file is missing, damaged or of another network, or
            the download fails.
    """
    errors.require(
        bool(weights) or download,
        "InceptionV3 needs a file of weights (--inception_weights) or "
        "permission to download them (--download_inception).",
        inception_weights=str(weights),
        download_inception=download,
    )
    if weights:
        with layers.pinned("float32"):
            network = keras.applications.InceptionV3(weights=None)
        _load(network, pathlib.Path(weights))
    else:
        network = _downloaded()
    name = pathlib.Path(weights).name if weights else "imagenet"
    # Images are in [−1, 1] already, the range to which Keras's
    # `inception_v3.preprocess_input` scales pixels. The input of the last Dense
    # layer is the pooled features.
    return _extractor(network, f"InceptionV3 pool (weights {name}", lambda x: x)


def from_model_file(path: str | os.PathLike) -> FeatureExtractor:
    """Returns a feature extractor from a user's image classifier.

    The features are the input of the model's last Dense layer, also in a nested
    model, or the model's output if it has no Dense layer. They are averaged
    over spatial axes, if any. The probabilities are the model's output if it
    ends in a softmax. If the output comes from a Dense layer without
    activation, it is taken as logits.

    The model receives raw pixels, 0 to 255, like all classifiers of `lit_tf`,
    in the size that it is built for. They are resized bilinearly, with
    antialiasing when the size shrinks (Parmar et al., 2022). A model of one
    channel receives the mean of the three channels.

    Args:
        path: a `.keras` or `.h5` file of a functional or sequential model.

    Raises:
        DataError: if the file is missing, damaged, or not a model.
        SettingsError: if the model does not have one image input and one
            output.
    """
    model = model_files.load(path)
    inputs = getattr(model, "inputs", None) or []
    outputs = getattr(model, "outputs", None) or []
    shape = inputs[0].shape if len(inputs) == 1 else ()
    errors.require(
        len(shape) == 4 and shape[3] in (1, 3) and len(outputs) == 1,
        f"A feature extractor must be a functional model of one input, [batch, "
        f"height, width, 1 or 3], and one output; {path} is not.",
        inputs=[tensor.shape for tensor in inputs],
        outputs=[tensor.shape for tensor in outputs],
    )

    def to_pixels(images):
        if shape[3] == 1:
            images = tf.reduce_mean(images, axis=3, keepdims=True)
        return 127.5 * (images + 1)

    file = pathlib.Path(path).name
    name = f"features of {model.name} (file {file}"
    return _extractor(model, name, to_pixels)


def _extractor(model, name, to_inputs):
    """Returns a feature extractor.

    Args:
        model: the network.
        name: the beginning of the extractor's name.
        to_inputs: function that scales images in [−1, 1] for the network.
    """
    (start,), (output,) = model.inputs, model.outputs
    before = _before_dense(output)
    probabilities = _probabilities(model, before)
    features = keras.ops.cast(output if before is None else before, "float32")
    if len(features.shape) > 2:
        space = list(range(1, len(features.shape) - 1))
        features = keras.ops.mean(features, axis=space)
    outputs = [features] if probabilities is None else [features, probabilities]
    network = keras.Model(start, outputs)
    # The signature leaves the sizes open where the network does, so that other
    # sizes of images or batches do not trace it again.
    run = tf.function(
        lambda inputs: tf.nest.flatten(network(inputs, training=False)),
        input_signature=[tf.TensorSpec(start.shape, start.dtype)],
        autograph=False,
    )
    return FeatureExtractor(
        f"{name}, {sectioned_model.fingerprint(model)})",
        features.shape[-1],
        0 if probabilities is None else probabilities.shape[-1],
        lambda images: Features(*run(_resized(to_inputs(images), start))),
    )


def _probabilities(model, before):
    """Returns the class probabilities, `[batch, classes]`; None if unknown.

    Args:
        model: the network.
        before: the input of its last Dense layer; None without such a layer.
    """
    (output,) = model.outputs
    if len(output.shape) != 2 or output.shape[-1] == 1:
        return None
    output = keras.ops.cast(output, "float32")
    if softmax.ends(model):
        return output
    activation = getattr(softmax.last(model), "activation", None)
    linear = activation in (None, keras.activations.linear)
    # Without a Dense layer the outputs are features, not logits.
    return keras.ops.softmax(output) if linear and before is not None else None


def _before_dense(tensor):
    """Returns the input of the last Dense layer on the path to a tensor.

    The search goes back through operations of one input and into nested models.

    Returns:
        The input, or None if another operation with several inputs, or the
        model's input, comes first.
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
                # A name from Keras's counter could equal one in the file.
                name = f"{operation.name}_before_dense"
                return keras.Model(operation.inputs, inner, name=name)(tensor)


def _resized(inputs, start):
    """Returns inputs in the size and type of a network's input tensor."""
    current = tuple(inputs.shape[1:3])
    size = tuple(a or b for a, b in zip(start.shape[1:3], current, strict=True))
    if size != current:
        shrinks = size[0] < current[0] or size[1] < current[1]
        inputs = tf.image.resize(inputs, size, antialias=shrinks)
    if tf.as_dtype(start.dtype).is_integer:
        inputs = tf.round(inputs)  # A cast alone would round down.
    return tf.cast(inputs, start.dtype)


def _load(network, path):
    if path.suffix != ".keras":
        return model_files.load_weights(network, path)
    whole = model_files.load(path)
    try:
        copying.copy_state(whole, network)
    except errors.SettingsError as error:
        raise errors.DataError(
            f"{path} is not an InceptionV3 of 1000 classes "
            f"({errors.cause(error)})."
        ) from error


def _downloaded():
    try:
        with layers.pinned("float32"):
            return keras.applications.InceptionV3(weights="imagenet")
    except Exception as error:  # Network failures raise many kinds of errors.
        raise errors.DataError(
            "The weights of InceptionV3 could not be downloaded "
            f"({errors.cause(error)}). Pass a file of them with "
            "--inception_weights."
        ) from error
