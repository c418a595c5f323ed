"""Sections of a Keras model: graph, cuts, blocks, plan, split, shrink, cost."""
