"""Losses of StarGAN, a Wasserstein GAN with gradient penalty.

They are those of Choi et al. (2018), section 3.1: pure functions that return
one value per image, `[batch]` in float32. Images are
`[batch, height, width, channels]` in [−1, 1], attributes `[batch, attributes]`,
0 or 1.
"""

from collections.abc import Callable

import tensorflow as tf

from lit_tf.losses import penalties


def realness(sources: tf.Tensor) -> tf.Tensor:
    """Computes the discriminator's score of an image: the mean over patches.

    Args:
        sources: the discriminator's first output, `[batch, height, width, 1]`;
            larger for real images.
    """
    return tf.reduce_mean(tf.cast(sources, tf.float32), axis=(1, 2, 3))


def classes(attributes: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the binary cross-entropy, summed over the attributes.

    Args:
        attributes: the image's attributes, or its target attributes,
            `[batch, attributes]`.
        logits: the discriminator's second output, `[batch, attributes]`.
    """
    cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(
        tf.cast(attributes, tf.float32), tf.cast(logits, tf.float32)
    )
    return tf.reduce_sum(cross_entropy, axis=1)


def reconstruction(images: tf.Tensor, again: tf.Tensor) -> tf.Tensor:
    """Computes mean |x − G(G(x, c′), c)| over pixels and channels.

    Args:
        images: x.
        again: G(G(x, c′), c), the same shape.
    """
    return penalties.l1(images, again)


def gradient_penalty(
    sources: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    epsilon: tf.Tensor,
) -> tf.Tensor:
    """Computes (‖∇ Σ_patches D(x̂)‖₂ − 1)² at x̂ = ε · real + (1 − ε) · fake.

    This is equation 3 of Gulrajani et al. (2017), without its weight λ. As in
    StarGAN, the gradient is that of the *sum* over patches.

    Args:
        sources: the discriminator, images → `[batch, height, width, 1]`.
        real: real images.
        fake: generated images, the same shape.
        epsilon: ε, `[batch, 1, 1, 1]` in [0, 1].
    """
    between = epsilon * real + (1 - epsilon) * fake
    with tf.GradientTape() as tape:
        tape.watch(between)
        total = tf.reduce_sum(sources(between))
    slope = tape.gradient(total, between)
    square = tf.reduce_sum(tf.square(slope), axis=(1, 2, 3))
    # The square root has no finite gradient at 0.
    return tf.square(tf.sqrt(tf.maximum(square, 1e-12)) - 1)
