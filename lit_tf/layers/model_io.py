"""Where raw inputs enter a model, and where it answers."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from lit_tf.data import characters


@keras.saving.register_keras_serializable("lit_tf")
class Normalize(keras.layers.Layer):
    """Computes (x − mean) / std by channel, in float32 under any policy.

    It opens every stem, so the normalisation travels with the weights and
    training, evaluation and serving cannot differ.

    Args:
        mean: one value a channel, in units of the raw input.
        std: one value a channel, in the same units.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.mean = tuple(map(float, mean))
        self.std = tuple(map(float, std))

    def call(self, inputs):
        return (inputs - tf.constant(self.mean)) / tf.constant(self.std)

    def get_config(self):
        config = super().get_config() | {"mean": self.mean, "std": self.std}
        return {k: v for k, v in config.items() if k != "dtype"}


@keras.saving.register_keras_serializable("lit_tf")
class Characters(keras.layers.Layer):
    """Takes the codes of a text's characters, and knows how texts have them.

    It opens the stem of a model of texts. Training reads codes; an exported
    model reads texts, by `encode`. Both go by the one table of `characters`,
    which travels with the weights.

    Args:
        alphabet: the characters that have a code of their own.
        length: of an encoded text.
    """

    def __init__(self, alphabet: str, length: int, **kwargs):
        super().__init__(**kwargs)
        self.alphabet = alphabet
        self.length = length

    def call(self, inputs):
        # Whatever is no code is no known character.
        last = characters.count(self.alphabet) - 1
        return tf.clip_by_value(tf.cast(inputs, tf.int32), 0, last)

    def encode(self, texts: tf.Tensor) -> tf.Tensor:
        """Computes the codes `[batch, length]` of texts `[batch]`."""
        return characters.encode(
            texts, alphabet=self.alphabet, length=self.length
        )

    def decode(self, codes: tf.Tensor) -> tf.Tensor:
        """Returns texts `[batch]` that have the codes `[batch, length]`."""
        return characters.decode(codes, alphabet=self.alphabet)

    def get_config(self):
        own = {"alphabet": self.alphabet, "length": self.length}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class Attributes(keras.layers.Layer):
    """Puts target attributes beside an image's colours, at every pixel.

    It opens the stem of a generator, [images `[batch, height, width,
    channels]`, attributes `[batch, attributes]`] → `[batch, height, width,
    channels + attributes]`. The attributes' names travel with the weights.

    Args:
        names: of the attributes, in order.
    """

    def __init__(self, names: Sequence[str], **kwargs):
        super().__init__(**kwargs)
        self.names = tuple(names)

    def call(self, inputs):
        images, attributes = inputs
        everywhere = attributes[:, tf.newaxis, tf.newaxis]
        everywhere += tf.zeros_like(images[..., :1])
        return tf.concat([images, everywhere], -1)

    def compute_output_shape(self, input_shape):
        (*places, channels), _ = input_shape
        return (*places, channels + len(self.names))

    def get_config(self):
        return super().get_config() | {"names": self.names}


@keras.saving.register_keras_serializable("lit_tf")
class Float32(keras.layers.Layer):
    """Passes its input on as float32: the end of every head.

    Args:
        activation: of Keras, computed in float32; by default none.
    """

    def __init__(self, activation: str | None = None, **kwargs):
        super().__init__(**kwargs | {"dtype": "float32"})
        self.activation = keras.activations.get(activation)

    def call(self, inputs):
        return self.activation(tf.cast(inputs, tf.float32))

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        config = super().get_config() | {"activation": activation}
        return {k: v for k, v in config.items() if k != "dtype"}
