"""Models and weights from elsewhere, and exported models."""
