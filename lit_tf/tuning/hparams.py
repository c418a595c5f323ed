"""TensorBoard's HParams tab over all trials: what varies, what is compared.

Every phase of every trial says its settings and its metrics in its own logs;
here stands what the table's columns are. Written without TensorFlow.
"""

import pathlib

from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import summary_v2
from tensorboard.summary.writer import record_writer

from lit_tf.tuning.settings import NAMES, Tune
from lit_tf.utils import atomic_files

METRIC = "validation/accuracy"
# TensorBoard reads files of such names.
FILE = "events.out.tfevents.tune"


def write(settings: Tune, folder: pathlib.Path) -> None:
    """Writes the columns of the HParams tab of `tensorboard --logdir=FOLDER`.

    Args:
        settings: of the search.
        folder: its.
    """
    # A domain is also a filter: it has what other stages go by, too.
    domains = {
        name: sorted({*settings.grid(name), getattr(settings.loss, name)})
        for name in NAMES
    }
    domains |= {
        "seed": list(settings.seeds),
        "student": sorted({settings.small_student, settings.student}),
        "phase": ["lit", "fine_tune"],
    }
    summary = summary_v2.hparams_config_pb(
        hparams=[
            summary_v2.HParam(name, summary_v2.Discrete(values))
            for name, values in domains.items()
        ],
        metrics=[summary_v2.Metric(METRIC, display_name=METRIC)],
    )
    event = event_pb2.Event(summary=summary)
    with (
        atomic_files.whole(folder / FILE) as partial,
        partial.open("wb") as file,
    ):
        record_writer.RecordWriter(file).write(event.SerializeToString())
