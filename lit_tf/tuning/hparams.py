"""Columns of TensorBoard's HParams tab over all trials of a search.

Each phase of each trial writes its settings and metrics to its own logs. This
module writes which settings and metrics the tab shows, without TensorFlow.
"""

import pathlib

from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import summary_v2
from tensorboard.summary.writer import record_writer

from lit_tf.tuning import scores
from lit_tf.tuning.settings import NAMES, Tune
from lit_tf.utils import atomic_files

# TensorBoard reads only files whose names begin like this one.
FILE = "events.out.tfevents.tune"


def write(
    settings: Tune, folder: pathlib.Path, score: str = scores.ACCURACY
) -> None:
    """Writes the columns of the HParams tab of `tensorboard --logdir=FOLDER`.

    Args:
        settings: the settings of the search.
        folder: the folder of the search.
        score: the score of the trials, one of `scores.METRICS`.
    """
    # A domain is also a filter, so it includes the values that other stages
    # use.
    domains = {
        name: sorted({*settings.grid(name), getattr(settings.loss, name)})
        for name in NAMES
    }
    domains |= {
        "seed": list(settings.seeds),
        "phase": ["lit", "fine_tune"],
    }
    if not settings.shrink.requested:
        students = {settings.small_student or settings.student}
        domains["student"] = sorted(students | {settings.student})
    summary = summary_v2.hparams_config_pb(
        hparams=[
            summary_v2.HParam(name, summary_v2.Discrete(values))
            for name, values in domains.items()
        ],
        metrics=[
            summary_v2.Metric(
                scores.METRICS[score], display_name=scores.METRICS[score]
            )
        ],
    )
    event = event_pb2.Event(summary=summary)
    with (
        atomic_files.whole(folder / FILE) as partial,
        partial.open("wb") as file,
    ):
        record_writer.RecordWriter(file).write(event.SerializeToString())
