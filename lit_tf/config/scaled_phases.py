"""Phases scaled to a number of epochs: `with_epochs`."""

import dataclasses

from lit_tf.config.experiment import Compress


def with_epochs(settings: Compress, epochs: int) -> Compress:
    """Returns settings whose phases lit and fine_tune have so many epochs.

    The phases keep their shares of the whole. Each has at least one epoch if
    there are enough.

    Args:
        settings: the settings.
        epochs: number of epochs of both phases together, at least 1.
    """
    lit, fine_tune = settings.lit, settings.fine_tune
    after = fine_tune.epochs if settings.with_fine_tune else 0
    share = lit.epochs / ((lit.epochs + after) or 1)
    first = round(share * epochs)
    if lit.epochs and after and epochs > 1:
        first = min(max(first, 1), epochs - 1)
    phases = {"lit": (lit, first), "fine_tune": (fine_tune, epochs - first)}
    return dataclasses.replace(
        settings,
        epochs=0,
        budget="",
        **{
            name: phase.scaled(count / phase.epochs) if phase.epochs else phase
            for name, (phase, count) in phases.items()
        },
    )
