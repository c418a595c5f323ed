"""Which trials are stopped early: Optuna's median rule, asked from outside.

Optuna's study is made anew from the run folders whenever it is asked, and
forgotten: the folders remember, also what others have run.
"""

import importlib
from collections.abc import Sequence
from types import ModuleType

from lit_tf import errors
from lit_tf.tuning import trials

# So many trials finish before one is compared with them.
FINISHED = 2


def optuna() -> ModuleType:
    """Imports Optuna, and has it say nothing of its own.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        found = importlib.import_module("optuna")
    except ModuleNotFoundError:
        raise errors.SettingsError(
            "`prune` needs Optuna: pip install 'lit_tf[tune]'."
        ) from None
    found.logging.set_verbosity(found.logging.ERROR)
    return found


def hopeless(
    epochs: Sequence[trials.Epoch],
    finished: Sequence[Sequence[trials.Epoch]],
    *,
    patience: int,
) -> bool:
    """Tells whether a trial will hardly win.

    It will not when its best validation accuracy so far is below the median of
    what the finished trials had at the same epoch of the same phase.

    Args:
        epochs: of the trial so far, at least one.
        finished: the epochs of the stage's finished trials.
        patience: epochs after which it may be said at all.
    """
    library = optuna()
    study = library.create_study(
        direction="maximize",
        pruner=library.pruners.MedianPruner(
            n_startup_trials=FINISHED, n_warmup_steps=patience
        ),
    )
    for others in finished:
        # Phases are as long in all trials of a stage: the nth epoch is the
        # same of each.
        results = {n: one.accuracy for n, one in enumerate(others, start=1)}
        study.add_trial(
            library.trial.create_trial(
                value=others[-1].accuracy, intermediate_values=results
            )
        )
    trial = study.ask()
    for n, one in enumerate(epochs, start=1):
        trial.report(one.accuracy, n)
    return bool(trial.should_prune())
