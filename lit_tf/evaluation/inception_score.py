"""The Inception score: are pictures clear one by one, and varied as a set?"""

import numpy as np
import scipy.special

from lit_tf import errors


class InceptionScore:
    """exp(mean KL(p(y|x) ‖ p(y))) over the pictures x (Salimans et al., 2016).

    Section 4 there; p(y) is the mean of p(y|x) over all pictures. It is from 1
    (every picture gets the same answer) to the number of classes (every answer
    is certain, every class as frequent). Published scores are often the mean
    over ten tenths of the pictures; this is the score of all at once.
    """

    def __init__(self):
        self.count = 0
        self._probabilities = 0.0  # Σ p(y|x), [classes]
        self._negentropy = 0.0  # ΣΣ p(y|x) log p(y|x)

    def update(self, probabilities: np.ndarray) -> None:
        """Adds what a classifier says of a batch of pictures.

        Args:
            probabilities: `[batch, classes]`; each row sums to 1.

        Raises:
            ValueError: they are not probabilities, or not of the classes of
                those before them.
        """
        p = np.asarray(probabilities, np.float64)
        if (
            p.ndim != 2
            or self.count
            and p.shape[1:] != np.shape(self._probabilities)
        ):
            raise ValueError(
                "Probabilities must be [batch, classes], always of the same "
                f"classes. Received: shape {p.shape}."
            )
        if not (np.all(p >= 0) and np.allclose(p.sum(axis=1), 1, atol=1e-3)):
            raise ValueError(
                "Probabilities must be 0 or more and sum to 1. Received: rows "
                f"that sum to {p.sum(axis=1).min():.3g} … "
                f"{p.sum(axis=1).max():.3g}. Of logits take the softmax."
            )
        self.count += len(p)
        self._probabilities = self._probabilities + p.sum(axis=0)
        # 0 · log 0 is 0 there.
        self._negentropy += scipy.special.xlogy(p, p).sum()

    @property
    def value(self) -> float:
        """The score of all pictures so far.

        Raises:
            DataError: there are none.
        """
        if not self.count:
            raise errors.DataError(
                "An Inception score needs 1 or more pictures. Received: 0."
            )
        marginal = self._probabilities / self.count
        # The mean of KL(p(y|x) ‖ p(y)) is H(p(y)) − mean H(p(y|x)).
        entropy = -scipy.special.xlogy(marginal, marginal).sum()
        return float(np.exp(entropy + self._negentropy / self.count))
