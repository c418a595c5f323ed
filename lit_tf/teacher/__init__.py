"""The frozen teacher and the cache of its outputs."""
