"""Evaluation of classifiers and generators."""
