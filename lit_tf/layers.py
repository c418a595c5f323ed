"""The few layers that Keras lacks or does slowly."""

import contextlib
import contextvars
import math
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from lit_tf import characters


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


@keras.saving.register_keras_serializable("lit_tf")
class PadShortcut(keras.layers.Layer):
    """The ResNet's option-A shortcut: subsamples and pads channels with zeros.

    `[batch, height, width, channels]` becomes `[batch, ⌈height/stride⌉,
    ⌈width/stride⌉, filters]`, half the new channels before the old ones and
    half after (He et al., 2016, section 4.2); and so does `[batch, length,
    channels]`. It has no weights.
    """

    def __init__(self, filters: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def call(self, inputs):
        before = (self.filters - inputs.shape[-1]) // 2
        after = self.filters - inputs.shape[-1] - before
        # Means of one value are a strided slice, ten times as fast on a CPU.
        thinned = tf.nn.avg_pool(inputs, 1, self.stride, "VALID")
        nothing = [[0, 0]] * (len(inputs.shape) - 1)
        return tf.pad(thinned, [*nothing, [before, after]])

    def compute_output_shape(self, input_shape):
        batch, *places, _ = input_shape
        places = [
            None if size is None else -(-size // self.stride) for size in places
        ]
        return (batch, *places, self.filters)

    def get_config(self):
        own = {"filters": self.filters, "stride": self.stride}
        return super().get_config() | own


@keras.saving.register_keras_serializable("lit_tf")
class KMaxPool(keras.layers.Layer):
    """Keeps the k largest values of each channel, in their original order.

    `[batch, length, channels]` becomes `[batch, k, channels]` (Kalchbrenner et
    al., 2014). Of equal values the first are kept. Their gradient goes where
    they were. It has no weights.

    Args:
        k: at most the length.
    """

    def __init__(self, k: int, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def call(self, inputs):
        by_channel = tf.transpose(inputs, [0, 2, 1])
        # Of equals it lists the lower index first.
        _, places = tf.math.top_k(by_channel, self.k)
        places = tf.sort(places)
        kept = tf.gather(by_channel, places, batch_dims=2)
        return tf.transpose(kept, [0, 2, 1])

    def compute_output_shape(self, input_shape):
        batch, _, channels = input_shape
        return (batch, self.k, channels)

    def get_config(self):
        return super().get_config() | {"k": self.k}


@keras.saving.register_keras_serializable("lit_tf")
class GroupedConv2D(keras.layers.Conv2D):
    """Keras's layer of several `groups`, many times as fast on a CPU.

    Variables and configuration are those of `keras.layers.Conv2D`; weights pass
    freely between the two. TensorFlow computes groups on a CPU, but not their
    gradient, so that Keras has XLA compile both. This layer leaves the first to
    TensorFlow, and takes the gradient of the same convolution in a few slices
    of channels, each dense with zeros between its groups
    (`docs/results/performance/grouped.py`).
    """

    def convolution_op(self, inputs, kernel):
        if self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        settings = {
            "strides": self.strides,
            "padding": self.padding.upper(),
            "dilations": self.dilation_rate,
        }

        @tf.custom_gradient
        def convolved(x, kernel):
            def gradient(upstream):
                with tf.GradientTape() as tape:
                    tape.watch([x, kernel])
                    same = _in_slices(x, kernel, self.groups, settings)
                return tape.gradient(same, [x, kernel], upstream)

            return _apart(x, kernel, settings), gradient

        return convolved(inputs, tf.convert_to_tensor(kernel))


def _apart(x, kernel, settings):
    def convolved(x, kernel):
        return tf.nn.conv2d(x, kernel, **settings)

    if tf.executing_eagerly():
        return convolved(x, kernel)
    # Where oneDNN is off, TensorFlow has no kernel for what its optimiser would
    # make of a convolution in groups and the bias or BatchNorm behind it. It
    # does not look into a function.
    alone = tf.function(convolved, experimental_attributes={"_noinline": True})
    return alone.get_concrete_function(x, kernel)(x, kernel)


def _in_slices(x, kernel, groups, settings):
    parts = math.gcd(groups, 4)
    *window, inputs, _ = kernel.shape
    groups //= parts  # Of a slice.
    # [g, 1, g, 1]: what a group makes of its own inputs, and of no others.
    own = tf.eye(groups, dtype=kernel.dtype)[:, tf.newaxis, :, tf.newaxis]
    slices = []
    for x_part, k_part in zip(
        tf.split(x, parts, -1), tf.split(kernel, parts, -1), strict=True
    ):
        by_group = tf.reshape(k_part, [*window, 1, inputs, groups, -1])
        dense = tf.reshape(by_group * own, [*window, groups * inputs, -1])
        slices.append(tf.nn.conv2d(x_part, dense, **settings))
    return tf.concat(slices, -1)


# Under a strategy, R times this replica's share of the global batch.
_weight = contextvars.ContextVar("weight", default=None)


@contextlib.contextmanager
def weighed(weight: tf.Tensor) -> Iterator[None]:
    """Weighs what each `BatchNormalization` takes from this replica.

    Args:
        weight: a scalar, the examples of this replica over the mean of all
            replicas': 1 where all have as many, 0 where what this one is given
            is no example.
    """
    token = _weight.set(weight)
    try:
        yield
    finally:
        _weight.reset(token)


@keras.saving.register_keras_serializable("lit_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, computed by TensorFlow's fused kernel.

    Variables and configuration are those of `keras.layers.BatchNormalization`;
    weights pass freely between the two. On channels-last images and sequences,
    `[batch, height, width, channels]` and `[batch, length, channels]`, without
    a mask it runs the fused kernel, several times faster on a CPU and free of
    float32 copies under mixed precision. The kernel's moving variance is the
    unbiased one, as PyTorch's. Whatever else it is given, Keras computes.

    Under a distribution strategy the moving statistics are the mean over the
    replicas, by their examples (see `weighed`), the same in each. Keras's own
    layer leaves every replica its own, validates with all of them and saves the
    first. With `synchronized` the replicas normalise with the statistics of the
    global batch, and compute what one device would, moving variance included.
    """

    def add_weight(self, *args, trainable=True, **kwargs):
        if not trainable:
            kwargs["aggregation"] = "mean"
        return super().add_weight(*args, trainable=trainable, **kwargs)

    def call(self, inputs, training=None, mask=None):
        ours = (
            len(inputs.shape) in (3, 4)
            and self.axis in (-1, len(inputs.shape) - 1)
            and mask is None
            and self.scale
            and self.center
            and not getattr(self, "renorm", False)  # Keras ≥ 3.14
        )
        if not ours:
            return super().call(inputs, training=training, mask=mask)
        inputs = tf.cast(inputs, self.compute_dtype)
        if len(inputs.shape) == 3:  # The kernel wants images: of height 1.
            images = tf.expand_dims(inputs, 1)
            return tf.squeeze(self._normalized(images, training), 1)
        return self._normalized(inputs, training)

    def _normalized(self, inputs, training):
        training = bool(training) and self.trainable
        if training and self.synchronized and _replicas() > 1:
            outputs, mean, variance = self._over_replicas(inputs)
        else:
            outputs, mean, variance = self._fused(inputs, training)
        if training:
            self._record(self.moving_mean, mean)
            self._record(self.moving_variance, variance)
        return outputs

    def _fused(self, inputs, training):
        moving = (self.moving_mean, self.moving_variance)
        mean, variance = (
            (None, None) if training else map(tf.convert_to_tensor, moving)
        )
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        return outputs, mean, variance

    def _over_replicas(self, inputs):
        # One exchange. Sums are about a value that all replicas share, so that
        # little cancels where the mean is far from zero.
        x = tf.cast(inputs, tf.float32)
        around = tf.stop_gradient(tf.convert_to_tensor(self.moving_mean))
        centred = x - around
        channels = tf.shape(x)[-1]
        places = tf.cast(tf.size(x) // channels, tf.float32)
        mine = tf.concat(
            [
                tf.reduce_sum(centred, axis=(0, 1, 2)),
                tf.reduce_sum(tf.square(centred), axis=(0, 1, 2)),
                places[tf.newaxis],
            ],
            axis=0,
        )
        weight = _weight.get()
        if weight is not None:
            mine *= tf.sign(weight)
        context = tf.distribute.get_replica_context()
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, mine)
        count = total[-1]
        mean, square = total[:channels] / count, total[channels:-1] / count
        variance = tf.maximum(square - tf.square(mean), 0.0)
        mean += around
        outputs = tf.nn.batch_normalization(
            x,
            mean,
            variance,
            tf.convert_to_tensor(self.beta),
            tf.convert_to_tensor(self.gamma),
            self.epsilon,
        )
        unbiased = variance * count / tf.maximum(count - 1, 1)
        return tf.cast(outputs, self.compute_dtype), mean, unbiased

    def _record(self, moving, batch):
        weight = _weight.get()
        if weight is None or self.synchronized or _replicas() == 1:
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
            return
        # The assignment is a mean over the replicas.
        step = (1 - self.momentum) * (batch - moving)
        moving.assign(moving + weight * step)


def _replicas():
    if not tf.distribute.in_cross_replica_context():
        return tf.distribute.get_strategy().num_replicas_in_sync
    return 1
