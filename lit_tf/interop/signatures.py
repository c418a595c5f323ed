"""Serving signatures: inputs and outputs of an exported model.

A model's kind follows from the first layer of its stem: it reads texts, changes
images, or reads pixels or other numbers. What it returns, logits or an
embedding, follows from the task. A signature has the endpoints of the
SavedModel, converts examples of a dataset to serving inputs, and measures how
far the SavedModel's outputs are from the model's.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import layers
from lit_tf.data import image_tensors
from lit_tf.losses import distillation
from lit_tf.sections import inspection, structure

Endpoints = dict[str, tuple[Callable[..., Any], list[tf.TensorSpec]]]
CODES = "serve_codes"
TOKEN_IDS = "serve_token_ids"


def _class_outputs(logits, classes):
    # A single logit stands for two classes.
    probabilities = tf.nn.softmax(distillation.of_classes(logits))
    outputs = {"logits": logits, "probabilities": probabilities}
    if classes:
        best = tf.argmax(probabilities, axis=-1)
        outputs["class_name"] = tf.gather(tf.constant(classes), best)
    return outputs


# What a SavedModel returns, by the name of the model's own output. The second
# argument is the names of the classes.
OUTPUTS = {
    "logits": _class_outputs,
    "embedding": lambda vector, _: {"embedding": vector},
}


class VectorSignature:
    """Signature of a model of pixels, other numbers or strings.

    Args:
        model: inputs → one vector for each example.
        output: what the vector is: "logits" or "embedding".
        classes: names of the classes by label; () if they have none.
    """

    tolerance = 1e-3  # Relative to the largest number, or absolute below 1.
    checked = "serve"  # The endpoint that takes examples of a dataset.
    preprocessor: keras.layers.Layer | None = None

    def __init__(
        self, model: keras.Model, output: str, classes: Sequence[str] = ()
    ):
        self.model = model
        self.classes = tuple(classes)
        self._output = output

    def endpoints(self) -> Endpoints:
        """Returns the functions of the SavedModel and their inputs, by name."""
        return {"serve": (self._predict, [self._specs()])}

    def serving_inputs(self, examples: Any) -> tuple[Any, ...]:
        """Converts examples of a dataset to the arguments of endpoint `serve`.

        Args:
            examples: `[batch, ...]`, nested as in the dataset.

        Returns:
            One tensor, or a dictionary of tensors by the names of the inputs.
        """
        return self.number_inputs(examples)

    def number_inputs(self, examples: Any) -> tuple[Any, ...]:
        """Converts examples to the arguments of the endpoint of numbers.

        Args:
            examples: `[batch, ...]`, nested as in the dataset.
        """
        flat = structure.flat_inputs(self.model, examples)
        return (
            self._packed(
                tf.cast(values, _served_dtype(tensor))
                for values, tensor in zip(flat, self.model.inputs, strict=True)
            ),
        )

    def difference(self, serve: Callable[..., Any], examples: Any) -> float:
        """Returns the largest difference of a number between both models.

        Args:
            serve: endpoint `serve` of the SavedModel.
            examples: examples of a dataset, `[batch, ...]`, nested as there.
        """
        tensors = tf.nest.map_structure(tf.constant, examples)
        expected = self.model(tensors, training=False).numpy()
        actual = serve(*self.serving_inputs(examples))[self._output].numpy()
        scale = max(1.0, np.abs(expected).max())
        self.tolerance = type(self).tolerance * scale
        return float(np.max(np.abs(expected - actual)))

    def _specs(self):
        """Returns the form of a batch of inputs."""
        names = structure.names_of(self.model)
        names = names if len(names) > 1 else ("inputs",)
        return self._packed(
            tf.TensorSpec(
                [None, *tensor.shape[1:]], _served_dtype(tensor), name=name
            )
            for name, tensor in zip(names, self.model.inputs, strict=True)
        )

    def _packed(self, flat):
        """Returns the one value, or a dictionary by the names of the inputs."""
        named = dict(zip(structure.names_of(self.model), flat, strict=True))
        return named if len(named) > 1 else next(iter(named.values()))

    def _predict(self, inputs):
        flat = structure.flat_inputs(self.model, inputs)
        inputs = structure.pack_inputs(self.model, flat)
        vector = self.model(inputs, training=False)
        return OUTPUTS[self._output](vector, self.classes)


def _served_dtype(tensor):
    """Returns the dtype of an input: float32 for numbers of any precision."""
    dtype = tf.as_dtype(tensor.dtype)
    return tf.float32 if dtype.is_floating else dtype


class TextSignature(VectorSignature):
    """Signature of a model of texts: strings, or codes at a second endpoint.

    Args:
        model: codes → one vector for each text.
        output: what the vector is: "logits" or "embedding".
        characters: the layer that encodes texts.
        classes: names of the classes by label; () if they have none.
    """

    def __init__(
        self,
        model: keras.Model,
        output: str,
        characters: layers.Characters,
        classes: Sequence[str] = (),
    ):
        super().__init__(model, output, classes)
        self._characters = characters

    def endpoints(self) -> Endpoints:
        shape = [None, *self.model.inputs[0].shape[1:]]
        texts = tf.TensorSpec([None], tf.string, name="texts")
        codes = tf.TensorSpec(shape, tf.int32, name="codes")
        return {
            "serve": (self._predict_texts, [texts]),
            CODES: (self._predict, [codes]),
        }

    def serving_inputs(self, examples: np.ndarray) -> tuple[tf.Tensor, ...]:
        return (self._characters.decode(tf.constant(examples)),)

    def _predict_texts(self, texts):
        return self._predict(self._characters.encode(texts))


class TokenSignature(VectorSignature):
    """Signature of a model of token ids, with its preprocessor of texts.

    Args:
        model: token ids → one vector for each text.
        output: what the vector is: "logits" or "embedding".
        preprocessor: a layer, strings → token ids.
        classes: names of the classes by label; () if they have none.
    """

    checked = TOKEN_IDS

    def __init__(
        self,
        model: keras.Model,
        output: str,
        preprocessor: keras.layers.Layer,
        classes: Sequence[str] = (),
    ):
        super().__init__(model, output, classes)
        self.preprocessor = preprocessor

    def endpoints(self) -> Endpoints:
        texts = tf.TensorSpec([None], tf.string, name="texts")
        return {
            "serve": (self._predict_texts, [texts]),
            TOKEN_IDS: (self._predict, [self._specs()]),
        }

    def _predict_texts(self, texts):
        return self._predict(self.preprocessor(texts))


class GeneratorSignature:
    """Signature of a generator: images and target attributes → images.

    Images are bytes, 0 to 255.

    Args:
        model: the generator, (images in [−1, 1], targets) → images in [−1, 1].
        attributes: the layer that names the attributes.
    """

    tolerance = 1.0  # Of 255: the difference if one of two values rounds up.
    checked = "serve"
    preprocessor = None
    classes = ()

    def __init__(self, model: keras.Model, attributes: layers.Attributes):
        self.model = model
        self._attributes = attributes

    def endpoints(self) -> Endpoints:
        image, target = self.model.inputs
        specs = [
            tf.TensorSpec([None, *image.shape[1:]], tf.uint8, name="images"),
            tf.TensorSpec([None, *target.shape[1:]], tf.float32, name="target"),
        ]
        return {"serve": (self._generate, specs)}

    def serving_inputs(self, examples: np.ndarray) -> tuple[tf.Tensor, ...]:
        # Consecutive examples have different targets.
        count = len(self._attributes.names)
        numbers = np.arange(len(examples)) % 2**count
        target = numbers[:, np.newaxis] >> np.arange(count) & 1
        return tf.constant(examples), tf.constant(target, tf.float32)

    number_inputs = serving_inputs

    def difference(
        self, serve: Callable[..., Any], examples: np.ndarray
    ) -> float:
        images, target = self.serving_inputs(examples)
        expected = self.model(
            (image_tensors.unit(images), target), training=False
        )
        expected = tf.cast(image_tensors.to_bytes(expected), tf.float32)
        actual = tf.cast(serve(images, target), tf.float32)
        return float(tf.reduce_max(tf.abs(expected - actual)))

    def _generate(self, images, target):
        output = self.model(
            (image_tensors.unit(images), target), training=False
        )
        return image_tensors.to_bytes(output)


def of_numbers(
    signature: VectorSignature | GeneratorSignature,
) -> tuple[str, Callable[..., Any], list[tf.TensorSpec]]:
    """Returns the endpoint that takes no strings: its name, function, inputs.

    Args:
        signature: the signature of a model.
    """
    endpoints = signature.endpoints()
    known = (CODES, TOKEN_IDS, "serve")
    name = next(name for name in known if name in endpoints)
    return name, *endpoints[name]


def signature_of(
    model: keras.Model,
    preprocessor: keras.layers.Layer | None = None,
    *,
    output: str = "logits",
    classes: Sequence[str] = (),
) -> VectorSignature | GeneratorSignature:
    """Returns a model's signature, by the first layer of its stem.

    Args:
        model: the model to export.
        preprocessor: a layer that turns strings into inputs; None for none.
        output: what a model other than a generator returns: "logits" (default)
            or "embedding".
        classes: names of the classes of a classifier; () if they have none.
    """
    if preprocessor is not None:
        return TokenSignature(model, output, preprocessor, classes)
    characters = inspection.opening(model, layers.Characters)
    attributes = inspection.opening(model, layers.Attributes)
    if characters is not None:
        return TextSignature(model, output, characters, classes)
    if attributes is not None:
        return GeneratorSignature(model, attributes)
    return VectorSignature(model, output, classes)
