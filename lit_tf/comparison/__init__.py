"""Comparison of finished runs: tables, tests and figures of `lit-report`."""
