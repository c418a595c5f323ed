"""Hyperparameter search in the paper's order: the steps of `lit-tune`."""
