"""Benchmark: time and memory of a LIT step and of its parts."""
