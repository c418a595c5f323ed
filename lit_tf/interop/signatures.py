"""What an exported model is served, and answers: pixels, texts or pictures.

The layer that opens a model's stem tells which. A front knows the endpoints of
its SavedModel, how examples of a data set are served to them, and how far what
they answer is from what the model does.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lit_tf import layers
from lit_tf.data import augment
from lit_tf.sections import sectioned_model

Endpoints = dict[str, tuple[Callable[..., Any], list[tf.TensorSpec]]]
CODED = "serve_codes"


class Pixels:
    """Pixels of images in float32, or whatever else a model reads as it is."""

    tolerance = 1e-3  # Of the largest logit, or of 1.

    def __init__(self, model: keras.Model):
        self.model = model

    def endpoints(self) -> Endpoints:
        """Returns the functions of a SavedModel by name, and what they take."""
        shape = [None, *self.model.inputs[0].shape[1:]]
        pixels = tf.TensorSpec(shape, tf.float32, name="inputs")
        return {"serve": (self._answer, [pixels])}

    def served(self, examples: np.ndarray) -> tuple[tf.Tensor, ...]:
        """Returns a data set's examples `[batch, ...]` as they are served."""
        return (tf.constant(examples, tf.float32),)

    def gap(self, answer: Callable[..., Any], examples: np.ndarray) -> float:
        """Returns the largest difference of a logit.

        Args:
            answer: endpoint `serve` of the SavedModel.
            examples: `[batch, ...]`, of a data set.
        """
        ours = self.model(tf.constant(examples), training=False).numpy()
        theirs = answer(*self.served(examples))["logits"].numpy()
        self.tolerance = type(self).tolerance * max(1.0, np.abs(ours).max())
        return float(np.max(np.abs(ours - theirs)))

    def _answer(self, inputs):
        logits = self.model(inputs, training=False)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}


class Texts(Pixels):
    """Texts, as strings; and at a second endpoint their codes."""

    def __init__(self, model: keras.Model, reader: layers.Characters):
        super().__init__(model)
        self._reader = reader

    def endpoints(self) -> Endpoints:
        shape = [None, *self.model.inputs[0].shape[1:]]
        texts = tf.TensorSpec([None], tf.string, name="texts")
        codes = tf.TensorSpec(shape, tf.int32, name="codes")
        return {
            "serve": (self._read, [texts]),
            CODED: (self._answer, [codes]),
        }

    def served(self, examples: np.ndarray) -> tuple[tf.Tensor, ...]:
        return (self._reader.decode(tf.constant(examples)),)

    def _read(self, texts):
        return self._answer(self._reader.encode(texts))


class Pictures:
    """Pictures of bytes and target attributes → pictures of bytes."""

    tolerance = 1.0  # Of 255: where rounding falls the other way.

    def __init__(self, model: keras.Model, attributes: layers.Attributes):
        self.model = model
        self._attributes = attributes

    def endpoints(self) -> Endpoints:
        image, target = self.model.inputs
        specs = [
            tf.TensorSpec([None, *image.shape[1:]], tf.uint8, name="images"),
            tf.TensorSpec([None, *target.shape[1:]], tf.float32, name="target"),
        ]
        return {"serve": (self._answer, specs)}

    def served(self, examples: np.ndarray) -> tuple[tf.Tensor, ...]:
        # Some targets, of which each example has another.
        count = len(self._attributes.names)
        places = np.arange(len(examples)) % 2**count
        target = places[:, np.newaxis] >> np.arange(count) & 1
        return tf.constant(examples), tf.constant(target, tf.float32)

    def gap(self, answer: Callable[..., Any], examples: np.ndarray) -> float:
        images, target = self.served(examples)
        ours = self.model((augment.unit(images), target), training=False)
        theirs = tf.cast(answer(images, target), tf.float32)
        ours = tf.cast(augment.to_bytes(ours), tf.float32)
        return float(tf.reduce_max(tf.abs(ours - theirs)))

    def _answer(self, images, target):
        made = self.model((augment.unit(images), target), training=False)
        return augment.to_bytes(made)


def of(model: keras.Model) -> Pixels | Texts | Pictures:
    """Returns the front of a model, by what opens its stem."""
    reader = sectioned_model.opening(model, layers.Characters)
    attributes = sectioned_model.opening(model, layers.Attributes)
    if reader is not None:
        return Texts(model, reader)
    if attributes is not None:
        return Pictures(model, attributes)
    return Pixels(model)
