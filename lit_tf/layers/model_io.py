"""Layers for raw inputs, at the start of a stem, and outputs, of a head."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from lit_tf.data import characters
from lit_tf.layers import keras_forms


@keras.saving.register_keras_serializable("lit_tf")
class Normalize(keras.layers.Layer):
    """Computes (x − mean) / std for each channel, in float32 under any policy.

    It is the first layer of a stem for images. Normalization is saved with the
    weights, so training, evaluation and serving cannot differ.

    Args:
        mean: mean of each channel, in units of the raw input.
        std: standard deviation of each channel, in the same units.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.mean = tuple(map(float, mean))
        self.std = tuple(map(float, std))

    def call(self, inputs):
        return (inputs - tf.constant(self.mean)) / tf.constant(self.std)

    def keras_form(self, inputs):
        """Returns the layer of Keras that computes the same."""
        return keras.layers.Normalization(
            mean=self.mean,
            variance=[std**2 for std in self.std],
            name=self.name,
            trainable=self.trainable,
            dtype="float32",
        )

    def get_config(self):
        config = super().get_config() | {"mean": self.mean, "std": self.std}
        return {k: v for k, v in config.items() if k != "dtype"}


@keras.saving.register_keras_serializable("lit_tf")
class Characters(keras.layers.Layer):
    """Passes on the codes of characters, and encodes and decodes texts.

    It is the first layer of a stem for texts. Training reads codes; an exported
    model reads texts and calls `encode`. The alphabet is saved with the
    weights.

    Args:
        alphabet: characters that have codes of their own.
        length: number of codes of an encoded text.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, alphabet: str, length: int, **kwargs):
        super().__init__(**kwargs)
        self.alphabet = alphabet
        self.length = length

    def call(self, inputs):
        # Values that are not codes count as unknown characters.
        last = characters.count(self.alphabet) - 1
        return tf.clip_by_value(tf.cast(inputs, tf.int32), 0, last)

    def keras_form(self, inputs):
        """Returns the same operations of Keras as a model."""
        last = characters.count(self.alphabet) - 1
        codes = keras.ops.cast(keras_forms.computed(self, inputs), "int32")
        return keras_forms.model_of(
            self, inputs, keras.ops.clip(codes, 0, last)
        )

    def encode(self, texts: tf.Tensor) -> tf.Tensor:
        """Returns the codes `[batch, length]` of texts `[batch]`."""
        return characters.encode(
            texts, alphabet=self.alphabet, length=self.length
        )

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """Returns texts `[batch]` with the codes `[batch, length]`."""
        return characters.decode(codes, alphabet=self.alphabet)

    def get_config(self):
        own = {"alphabet": self.alphabet, "length": self.length}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class Attributes(keras.layers.Layer):
    """Adds target attributes to each pixel of an image, as channels.

    It is the first layer of the stem of a generator, [images `[batch, height,
    width, channels]`, attributes `[batch, attributes]`] → `[batch, height,
    width, channels + attributes]`. The names are saved with the weights.

    Args:
        names: names of the attributes, in order.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, names: Sequence[str], **kwargs):
        super().__init__(**kwargs)
        self.names = tuple(names)

    def call(self, inputs):
        images, attributes = inputs
        planes = attributes[:, tf.newaxis, tf.newaxis]
        planes += tf.zeros_like(images[..., :1])
        return tf.concat([images, planes], -1)

    def keras_form(self, inputs):
        """Returns the same operations of Keras as a model."""
        images, attributes = (keras_forms.computed(self, x) for x in inputs)
        planes = keras.ops.expand_dims(attributes, (1, 2))
        planes += keras.ops.zeros_like(images[..., :1])
        outputs = keras.ops.concatenate([images, planes], -1)
        return keras_forms.model_of(self, inputs, outputs)

    def compute_output_shape(self, input_shape):
        (*sizes, channels), _ = input_shape
        return (*sizes, channels + len(self.names))

    def get_config(self):
        return super().get_config() | {"names": self.names}


@keras.saving.register_keras_serializable("lit_tf")
class Float32(keras.layers.Layer):
    """Casts its input to float32; the last layer of a head.

    Args:
        activation: name of a Keras activation, computed in float32; none by
            default.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, activation: str | None = None, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.activation = keras.activations.get(activation)

    def call(self, inputs):
        return self.activation(tf.cast(inputs, tf.float32))

    def keras_form(self, inputs):
        """Returns the layer of Keras that computes the same."""
        return keras.layers.Activation(
            self.activation,
            name=self.name,
            trainable=self.trainable,
            dtype="float32",
        )

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        config = super().get_config() | {"activation": activation}
        return {k: v for k, v in config.items() if k != "dtype"}
