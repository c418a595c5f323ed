"""LIT and its baselines."""
