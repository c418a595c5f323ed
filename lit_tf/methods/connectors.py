"""Connectors join representations that differ in channels.

Like the regressor of FitNets (Romero et al., 2015, eq. 3), a connector maps the
student's channels to the teacher's. It also has an inverse, which maps the
teacher's representation to the student's channels, so that a section can read
it. The student's own stream passes through no connector, and the trained
student contains none.
"""

import keras
import tensorflow as tf

from lit_tf.sections.sectioned_model import SectionedModel


class Connector(keras.layers.Layer):
    """A trained 1×1 convolution and its left inverse.

    With a kernel U, `[teacher_channels, student_channels]`, and a bias b:
    `up(S)` = S Uᵀ + b and `down(T)` = (T − b) U (UᵀU)⁻¹, so that
    `down(up(S))` = S.

    Args:
        teacher_channels: the channels of the teacher's representation.
        student_channels: the channels of the student's; at most as many.
        seed: the seed of the kernel, whose columns start orthonormal; default
            0.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        teacher_channels: int,
        student_channels: int,
        *,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(dtype="float32", **kwargs)
        self.kernel = self.add_weight(
            shape=(teacher_channels, student_channels),
            initializer=keras.initializers.Orthogonal(seed=seed),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(teacher_channels,), initializer="zeros", name="bias"
        )
        self.built = True

    def up(self, representation: tf.Tensor) -> tf.Tensor:
        """Maps a representation of the student to the teacher's channels.

        Args:
            representation: `[..., student_channels]`.

        Returns:
            `[..., teacher_channels]`, in the same dtype.
        """
        kernel, bias = self._values()
        dtype = representation.dtype
        mapped = tf.tensordot(
            representation, tf.cast(kernel, dtype), axes=[[-1], [1]]
        )
        return mapped + tf.cast(bias, dtype)

    def down(self, representation: tf.Tensor) -> tf.Tensor:
        """Maps a representation of the teacher to the student's channels.

        Args:
            representation: `[..., teacher_channels]`.

        Returns:
            `[..., student_channels]`, in the same dtype.
        """
        kernel, bias = self._values()
        # UᵀU is small. It stays well away from singular, because its columns
        # start orthonormal.
        gram = tf.linalg.cholesky(tf.matmul(kernel, kernel, transpose_a=True))
        inverse = tf.linalg.cholesky_solve(gram, tf.transpose(kernel))
        dtype = representation.dtype
        return tf.tensordot(
            representation - tf.cast(bias, dtype),
            tf.cast(inverse, dtype),
            axes=[[-1], [1]],
        )

    def _values(self):
        return map(tf.convert_to_tensor, (self.kernel, self.bias))


class Identity:
    """The connector of two representations with equal channels."""

    variables = trainable_variables = ()

    def up(self, representation: tf.Tensor) -> tf.Tensor:
        """Returns the representation unchanged."""
        return representation

    def down(self, representation: tf.Tensor) -> tf.Tensor:
        """Returns the representation unchanged."""
        return representation


def connect(
    teacher: SectionedModel,
    student: SectionedModel,
    *,
    seed: int,
) -> list[Connector | Identity]:
    """Returns a connector for each of the representations 0 … K.

    Args:
        teacher: a model with K sections.
        student: a model with K sections, whose representations have as many
            channels as the teacher's, or fewer.
        seed: the seed of the connectors' kernels.
    """
    pairs = zip(teacher.representations, student.representations, strict=True)
    return [
        Identity()
        if T_k.shape == S_k.shape
        else Connector(
            T_k.shape[-1],
            S_k.shape[-1],
            seed=64 * seed + k,
            name=f"connector_{k}",
        )
        for k, (T_k, S_k) in enumerate(pairs)
    ]


__all__ = ["Connector", "Identity", "connect"]
