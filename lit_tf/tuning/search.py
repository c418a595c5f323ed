"""The search, in the paper's order: temperature, then alpha, then beta."""

from lit_tf.training import run_folder
from lit_tf.tuning import hparams, record, runners, stages
from lit_tf.tuning.settings import NAMES, Tune, check
from lit_tf.utils import atomic_files


def tune(
    settings: Tune, run: runners.Runner, *, command: str = ""
) -> list[stages.Stage]:
    """Takes a search from where it stands as far as its runner goes.

    Where it ends it leaves `tuned.flags`. What a stage has chosen stands: the
    next ones were run with it.

    Args:
        settings: of the search.
        run: has the trials of a stage run.
        command: the command line, for the reader.

    Returns:
        The stages that are decided; all of them when the search is over.

    Raises:
        SettingsError: the settings cannot be, or are not those of the folder.
        DataError: a stage has nothing to choose from.
    """
    check(settings)
    with run_folder.opened(settings, command=command) as folder:
        place = folder.path / record.FILE
        decided = record.read(place)
        hparams.write(settings, folder.path)
        for name in NAMES[len(decided) :]:
            chosen = {stage.name: stage.chosen for stage in decided}
            failures = run(stages.planned(settings, name, chosen))
            if failures is None:
                return decided
            decided.append(stages.decide(settings, name, chosen, failures))
            record.write(place, decided)
        text = record.flagfile(decided, command)
        atomic_files.write_text(folder.path / record.FLAGFILE, text)
        return decided
