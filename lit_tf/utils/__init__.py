"""Atomic files, text tables and keyed folders."""
