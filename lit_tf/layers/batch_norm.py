"""`BatchNormalization` with TensorFlow's fused kernel, for several replicas."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras
import tensorflow as tf

# Under a strategy, the number of replicas times this replica's share of the
# global batch.
_weight = contextvars.ContextVar("weight", default=None)


@contextlib.contextmanager
def weighed(weight: tf.Tensor | None) -> Iterator[None]:
    """Weighs the statistics that `BatchNormalization` takes from this replica.

    Args:
        weight: scalar, the number of examples of this replica divided by the
            mean number of all replicas: 1 if all have equally many, 0 if the
            batch of this replica, or the microbatch, is only padding; None for
            a whole batch on one device.
    """
    token = _weight.set(weight)
    try:
        yield
    finally:
        _weight.reset(token)


@keras.saving.register_keras_serializable("lit_tf")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, computed with TensorFlow's fused kernel.

    Variables and configuration are those of `keras.layers.BatchNormalization`,
    so weights can be copied between the two. The fused kernel computes
    channels-last images and sequences without a mask, `[batch, height, width,
    channels]` and `[batch, length, channels]`. It is several times faster on a
    CPU and makes no float32 copies under mixed precision. Its moving variance
    is unbiased, as in PyTorch. Keras computes all other inputs.

    Under a distribution strategy, the moving statistics are equal in all
    replicas: the mean over the replicas, weighted by their numbers of examples
    (see `weighed`). In Keras's layer each replica has its own statistics, and
    those of the first are saved. With `synchronized`, replicas normalize with
    the statistics of the global batch and compute the same as one device, also
    for the moving variance.

    Args:
        *args: arguments of `keras.layers.BatchNormalization`.
        **kwargs: arguments of `keras.layers.BatchNormalization`.
    """

    def add_weight(self, *args, trainable=True, **kwargs):
        if not trainable:
            kwargs["aggregation"] = "mean"
        return super().add_weight(*args, trainable=trainable, **kwargs)

    def call(self, inputs, training=None, mask=None):
        fused = (
            len(inputs.shape) in (3, 4)
            and self.axis in (-1, len(inputs.shape) - 1)
            and mask is None
            and self.scale
            and self.center
            and not getattr(self, "renorm", False)  # Keras ≥ 3.14
        )
        if not fused:
            return super().call(inputs, training=training, mask=mask)
        inputs = tf.cast(inputs, self.compute_dtype)
        if len(inputs.shape) == 3:  # The kernel needs images; height 1.
            images = tf.expand_dims(inputs, 1)
            return tf.squeeze(self._normalized(images, training), 1)
        return self._normalized(inputs, training)

    def keras_form(self, inputs):
        """Returns Keras's own layer, whose moving variance is biased."""
        return keras.layers.BatchNormalization.from_config(self.get_config())

    def _normalized(self, inputs, training):
        training = bool(training) and self.trainable
        if training and self.synchronized and replicas() > 1:
            outputs, mean, variance, count = self._over_replicas(inputs)
        else:
            outputs, mean, variance = self._fused(inputs, training)
            count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        if training:
            self._record(self.moving_mean, mean)
            self._record(self.moving_variance, self._recorded(variance, count))
        return outputs

    def _recorded(self, variance, count):
        """Returns the variance to record, of the unbiased one of a batch."""
        return variance

    def _scale_and_shift(self):
        return tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)

    def _fused(self, inputs, training):
        moving = (self.moving_mean, self.moving_variance)
        mean, variance = (
            (None, None) if training else map(tf.convert_to_tensor, moving)
        )
        gamma, beta = self._scale_and_shift()
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            gamma,
            beta,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        return outputs, mean, variance

    def _over_replicas(self, inputs):
        # A single all-reduce. The sums are of differences from a value that all
        # replicas share, to avoid cancellation if the mean is far from zero.
        x = tf.cast(inputs, tf.float32)
        centre = tf.stop_gradient(tf.convert_to_tensor(self.moving_mean))
        centred = x - centre
        channels = tf.shape(x)[-1]
        count = tf.cast(tf.size(x) // channels, tf.float32)
        sums = tf.concat(
            [
                tf.reduce_sum(centred, axis=(0, 1, 2)),
                tf.reduce_sum(tf.square(centred), axis=(0, 1, 2)),
                count[tf.newaxis],
            ],
            axis=0,
        )
        weight = _weight.get()
        if weight is not None:
            sums = tf.math.multiply_no_nan(sums, tf.sign(weight))
        context = tf.distribute.get_replica_context()
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
        count = total[-1]
        mean, square = (
            tf.math.divide_no_nan(sums, count)
            for sums in (total[:channels], total[channels:-1])
        )
        variance = tf.maximum(square - tf.square(mean), 0.0)
        mean += centre
        gamma, beta = self._scale_and_shift()
        outputs = tf.nn.batch_normalization(
            x, mean, variance, beta, gamma, self.epsilon
        )
        unbiased = variance * count / tf.maximum(count - 1, 1)
        # Without any example, as in an empty microbatch, nothing is recorded.
        unbiased = tf.where(count > 0, unbiased, self.moving_variance)
        return tf.cast(outputs, self.compute_dtype), mean, unbiased, count

    def _record(self, moving, batch):
        weight = _weight.get()
        if weight is None or self.synchronized or replicas() == 1:
            value = moving * self.momentum + batch * (1 - self.momentum)
            if weight is not None and replicas() == 1:
                value = tf.where(weight > 0, value, moving)
        else:
            step = (1 - self.momentum) * (batch - moving)
            value = moving + tf.math.multiply_no_nan(step, weight)
        self._assign(moving, value)

    def _assign(self, moving, value):
        # The assignment takes the mean over the replicas.
        moving.assign(value)


def replicas() -> int:
    """Returns the number of replicas; 1 outside of a replica's step."""
    if not tf.distribute.in_cross_replica_context():
        return tf.distribute.get_strategy().num_replicas_in_sync
    return 1
