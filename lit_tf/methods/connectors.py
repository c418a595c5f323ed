"""Between a teacher and a student whose representations differ in channels.

A regressor, as FitNets have it (Romero et al., 2015, eq. 3), but one that can
be taken away again: what makes the student's channels of the teacher's is its
left inverse. So a student's own stream is the same with connectors or without,
and nothing is left of them when phase lit is over.
"""

import keras
import tensorflow as tf

from lit_tf.sections.sectioned_model import SectionedModel


class Connector(keras.layers.Layer):
    """A trained 1×1 convolution, and its left inverse.

    With a kernel U, `[theirs, ours]`, and a bias b: `up(S)` = S Uᵀ + b and
    `down(T)` = (T − b) U (UᵀU)⁻¹, so that `down(up(S))` = S.

    Args:
        theirs: channels of the teacher.
        ours: channels of the student, at most as many.
        seed: of the kernel, whose columns are orthonormal at first.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, theirs: int, ours: int, *, seed: int = 0, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.kernel = self.add_weight(
            shape=(theirs, ours),
            initializer=keras.initializers.Orthogonal(seed=seed),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(theirs,), initializer="zeros", name="bias"
        )
        self.built = True

    def up(self, representation: tf.Tensor) -> tf.Tensor:
        """Returns a student's `[..., ours]` as a teacher's `[..., theirs]`."""
        kernel, bias = self._values()
        dtype = representation.dtype
        moved = tf.tensordot(
            representation, tf.cast(kernel, dtype), axes=[[-1], [1]]
        )
        return moved + tf.cast(bias, dtype)

    def down(self, representation: tf.Tensor) -> tf.Tensor:
        """Returns a teacher's `[..., theirs]` as a student's `[..., ours]`."""
        kernel, bias = self._values()
        # UᵀU is small, and well away from singular where columns began
        # orthonormal.
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


class Same:
    """Stands where channels agree: nothing lies between."""

    variables = trainable_variables = ()

    def up(self, representation: tf.Tensor) -> tf.Tensor:
        return representation

    def down(self, representation: tf.Tensor) -> tf.Tensor:
        return representation


def between(
    teacher: SectionedModel,
    student: SectionedModel,
    *,
    seed: int,
) -> list[Connector | Same]:
    """Returns what lies between the representations 0 … K of a pair.

    Args:
        teacher: K sections.
        student: K sections, whose representations have as many channels or
            fewer.
        seed: of their kernels.
    """
    both = zip(teacher.representations, student.representations, strict=True)
    return [
        Same()
        if theirs.shape == ours.shape
        else Connector(
            theirs.shape[-1],
            ours.shape[-1],
            seed=64 * seed + k,
            name=f"connector_{k}",
        )
        for k, (theirs, ours) in enumerate(both)
    ]


__all__ = ["Connector", "Same", "between"]
