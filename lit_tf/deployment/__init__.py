"""A model as a file for its place of use: written, checked, measured."""
