"""Search in the paper's order: temperature, then alpha, then beta."""

from lit_tf.training import run_folder
from lit_tf.tuning import hparams, record, runners, stages
from lit_tf.tuning.settings import Tune, check
from lit_tf.utils import atomic_files


def tune(
    settings: Tune, run: runners.Runner, *, command: str = ""
) -> list[stages.Stage]:
    """Starts or resumes a search.

    A finished search writes `tuned.flags`. A value that a stage has chosen is
    not chosen again, because the next stages were run with it.

    Args:
        settings: the settings of the search.
        run: a runner, which runs the trials of one stage.
        command: the command line, which is recorded in the run folder.

    Returns:
        The decided stages; all of them when the search is finished.

    Raises:
        SettingsError: if the settings are invalid, or differ from those of the
            search in the folder.
        DataError: if no value of a stage has a finished trial of each seed.
    """
    check(settings)
    with run_folder.opened(settings, command=command) as folder:
        place = folder.path / record.FILE
        decided = record.read(place)
        hparams.write(settings, folder.path, *(s.score for s in decided[:1]))
        for name in settings.stages[len(decided) :]:
            chosen = {stage.name: stage.chosen for stage in decided}
            failures = run(stages.planned(settings, name, chosen))
            if failures is None:
                return decided
            decided.append(stages.decide(settings, name, chosen, failures))
            record.write(place, decided)
            hparams.write(settings, folder.path, decided[0].score)
        text = record.flagfile(decided, command)
        atomic_files.write_text(folder.path / record.FLAGFILE, text)
        return decided
