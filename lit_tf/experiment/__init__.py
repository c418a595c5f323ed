"""Experiments: teach a teacher, compress it, report the result."""
