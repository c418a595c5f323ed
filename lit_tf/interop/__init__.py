"""Import of models and weights, and export of models."""
