"""Training of one phase: fit, callbacks, checkpoints, run folder, devices."""
