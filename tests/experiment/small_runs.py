"""Settings of short runs of small models on digits."""

import dataclasses

from lit_tf import config

SHORT = config.Phase(
    epochs=1, batch_size=128, learning_rate=0.05, weight_decay=1e-4
)


def settings_of(workdir, **changes):
    """Returns the settings of a compression in a run folder."""
    session = config.Session(workdir=str(workdir))
    settings = {
        "teacher": "small10",
        # Without it, a teacher's file is read once more.
        "data": config.Data(dataset="digits"),
        "student": "small6",
        "teach": dataclasses.replace(SHORT, epochs=3),
        "lit": dataclasses.replace(SHORT, epochs=2),
        "fine_tune": SHORT,
        "session": session,
    }
    return config.Compress(**settings | changes)
