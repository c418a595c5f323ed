"""Fréchet distance between two sets of images, from their features.

With the features of Inception (`feature_extractors.inception`) the distance is
called FID (Heusel et al., 2017, section 3, equation 6). It is biased by the
number of images: compare only distances of equal numbers of images.
"""

import numpy as np
import scipy.linalg

from lit_tf import errors


class Statistics:
    """Mean and covariance of features, accumulated batch by batch.

    Each batch is centred on its own mean before it is added (Chan, Golub &
    LeVeque, 1979), so that features far from 0 keep their precision. The
    statistics are float64: 34 MB for the 2048 features of Inception.
    """

    def __init__(self):
        self.count = 0
        self._mean = self._scatter = None

    def update(self, features: np.ndarray) -> None:
        """Adds a batch of examples.

        Args:
            features: `[batch, d]`, of any floating type.

        Raises:
            ValueError: if the features are not a matrix, differ in width from
                earlier features, or are not finite.
        """
        features = np.asarray(features, np.float64)
        if features.ndim != 2:
            raise ValueError(
                "Features must be [batch, d]. Received: "
                f"shape {features.shape}."
            )
        if not np.isfinite(features).all():
            raise ValueError(
                "Features must be finite. Received: infinity or NaN in a "
                f"batch of {len(features)}."
            )
        if len(features):
            mean = features.mean(axis=0)
            centred = features - mean
            self._add(len(features), mean, centred.T @ centred)

    @property
    def mean(self) -> np.ndarray:
        """The mean of the features, `[d]`, float64.

        Raises:
            DataError: if there are no examples.
        """
        self._require(1)
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance (over n − 1), `[d, d]`, float64.

        Raises:
            DataError: if there are fewer than 2 examples.
        """
        self._require(2)
        return self._scatter / (self.count - 1)

    def _add(self, count, mean, scatter):
        if not self.count:
            self._mean = np.zeros_like(mean)
            self._scatter = np.zeros_like(scatter)
        if mean.shape != self._mean.shape:
            raise ValueError(
                "All features must have one width. Received: "
                f"{len(mean)} after {len(self._mean)}."
            )
        total = self.count + count
        shift = mean - self._mean
        weight = self.count * count / total
        self._scatter += scatter + np.outer(weight * shift, shift)
        self._mean += count / total * shift
        self.count = total

    def _require(self, least):
        if self.count < least:
            raise errors.DataError(
                f"Statistics need at least {least} examples. Received: "
                f"{self.count}."
            )


def distance(a: Statistics, b: Statistics) -> float:
    """Computes the Fréchet distance of the Gaussians fitted to two sets.

    |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), the squared 2-Wasserstein distance
    (Dowson & Landau, 1982). It is symmetric; its unit is the squared unit of
    the features.

    Args:
        a: statistics of 2 or more examples. Fewer examples than features are
            welcome: the covariance is then singular.
        b: the same, of features of the same width.

    Returns:
        The distance, 0 or more; 0 up to rounding where the two are equal.

    Raises:
        DataError: if one set has fewer than 2 examples.
        ValueError: if the widths of the features differ.
    """
    first, second = a.covariance, b.covariance
    if first.shape != second.shape:
        raise ValueError(
            "Both sets of features must have one width. Received: "
            f"{len(first)} and {len(second)}."
        )
    between = a.mean - b.mean
    # With Σ = F Fᵀ, the nonzero eigenvalues of Σ₁ Σ₂ are the squared singular
    # values of F₁ᵀ F₂: the trace is a sum of real numbers ≥ 0. A general matrix
    # root is slower, and rounding makes it complex where Σ is singular.
    overlap = scipy.linalg.svdvals(_factor(first).T @ _factor(second))
    traces = np.trace(first) + np.trace(second) - 2 * np.sum(overlap)
    return float(max(0.0, between @ between + traces))


def _factor(covariance):
    """Returns F, `[d, rank]`, with F Fᵀ equal to the covariance."""
    values, vectors = scipy.linalg.eigh(covariance)
    # Smaller values are rounding errors. The root would turn 1e-16 into 1e-8.
    positive = values > len(values) * np.finfo(np.float64).eps * values[-1]
    return vectors[:, positive] * np.sqrt(values[positive])
