"""Inception score: high if images are recognizable and diverse."""

import numpy as np
import scipy.special

from lit_tf import errors


class InceptionScore:
    """exp(mean KL(p(y|x) ‖ p(y))) over images x, accumulated batch by batch.

    See Salimans et al. (2016), section 4. p(y) is the mean of p(y|x) over all
    images. The score lies between 1 (equal predictions for all images) and the
    number of classes (certain predictions, equally frequent classes). Published
    scores are often the mean over ten parts of the images; this score uses all
    images at once.
    """

    def __init__(self):
        self.count = 0
        self._probabilities = 0.0  # Σ p(y|x), [classes]
        self._negentropy = 0.0  # ΣΣ p(y|x) log p(y|x)

    def update(self, probabilities: np.ndarray) -> None:
        """Adds a classifier's predictions for a batch of images.

        Args:
            probabilities: `[batch, classes]`; each row sums to 1.

        Raises:
            ValueError: if they are not probabilities, or the number of classes
                differs from earlier batches.
        """
        p = np.asarray(probabilities, np.float64)
        if (
            p.ndim != 2
            or self.count
            and p.shape[1:] != np.shape(self._probabilities)
        ):
            raise ValueError(
                "Probabilities must be [batch, classes], with the same classes "
                f"in every batch. Received: shape {p.shape}."
            )
        if not (np.all(p >= 0) and np.allclose(p.sum(axis=1), 1, atol=1e-3)):
            raise ValueError(
                "Probabilities must be ≥ 0 and sum to 1. Received: rows that "
                f"sum to {p.sum(axis=1).min():.3g} … "
                f"{p.sum(axis=1).max():.3g}. Apply a softmax to logits first."
            )
        self.count += len(p)
        self._probabilities = self._probabilities + p.sum(axis=0)
        # `xlogy` defines 0 · log 0 as 0.
        self._negentropy += scipy.special.xlogy(p, p).sum()

    @property
    def value(self) -> float:
        """The score of all images added so far.

        Raises:
            DataError: if there are no images.
        """
        if not self.count:
            raise errors.DataError(
                "An Inception score needs at least 1 image. Received: 0."
            )
        marginal = self._probabilities / self.count
        # The mean of KL(p(y|x) ‖ p(y)) is H(p(y)) − mean H(p(y|x)).
        entropy = -scipy.special.xlogy(marginal, marginal).sum()
        return float(np.exp(entropy + self._negentropy / self.count))
