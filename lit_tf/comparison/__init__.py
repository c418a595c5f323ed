"""Finished runs side by side: what `lit-report` gathers, compares and draws."""
