"""StarGAN's losses (Choi et al., 2018, section 3.1), of a Wasserstein GAN.

Pure functions that return one value an image, `[batch]` in float32. Images are
`[batch, height, width, channels]` in [−1, 1], attributes `[batch, attributes]`
of 0 and 1.
"""

from collections.abc import Callable

import tensorflow as tf

from lit_tf.losses import penalties


def realness(sources: tf.Tensor) -> tf.Tensor:
    """Computes how real an image is: the mean over its patches.

    Args:
        sources: `[batch, height, width, 1]`, of the discriminator.
    """
    return tf.reduce_mean(tf.cast(sources, tf.float32), axis=(1, 2, 3))


def classes(attributes: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the binary cross-entropy, summed over the attributes.

    Args:
        attributes: what the image has, or is to have.
        logits: `[batch, attributes]`, of the discriminator.
    """
    each = tf.nn.sigmoid_cross_entropy_with_logits(
        tf.cast(attributes, tf.float32), tf.cast(logits, tf.float32)
    )
    return tf.reduce_sum(each, axis=1)


def reconstruction(images: tf.Tensor, again: tf.Tensor) -> tf.Tensor:
    """Computes mean |x − G(G(x, c′), c)|, over pixels and colours."""
    return penalties.l1(images, again)


def gradient_penalty(
    sources: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    epsilon: tf.Tensor,
) -> tf.Tensor:
    """Computes (‖∇ Σ_patches D(x̂)‖₂ − 1)² at x̂ = ε · real + (1 − ε) · fake.

    The gradient is that of the *sum* over patches (Gulrajani et al., 2017,
    equation 3, as StarGAN has it).

    Args:
        sources: the discriminator, images → `[batch, height, width, 1]`.
        real: images.
        fake: images of the same shape.
        epsilon: `[batch, 1, 1, 1]`, in [0, 1].
    """
    between = epsilon * real + (1 - epsilon) * fake
    with tf.GradientTape() as tape:
        tape.watch(between)
        total = tf.reduce_sum(sources(between))
    slope = tape.gradient(total, between)
    square = tf.reduce_sum(tf.square(slope), axis=(1, 2, 3))
    # The root has no gradient at 0.
    return tf.square(tf.sqrt(tf.maximum(square, 1e-12)) - 1)
