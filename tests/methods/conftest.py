"""Fixtures of the methods' tests: a trained teacher, a short compression."""

import dataclasses

import pytest

from lit_tf import config
from lit_tf.experiment import run

SHORT = config.Phase(
    epochs=1, batch_size=128, learning_rate=0.05, weight_decay=1e-4
)


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    """A function: (run folder, method, changes) → a config on digits."""
    teacher = tmp_path_factory.mktemp("teacher")
    run.teach(
        config.Teach(
            teacher="resnet14",
            teach=dataclasses.replace(SHORT, epochs=3),
            session=config.Session(workdir=str(teacher)),
        )
    )

    def make(workdir, method="lit", **changes):
        defaults = {
            "method": method,
            "teacher": "resnet14",
            "student": "resnet14" if method == "born_again" else "resnet8",
            "teacher_weights": str(teacher),
            "lit": SHORT,
            "fine_tune": dataclasses.replace(SHORT, learning_rate=0.01),
            "session": config.Session(workdir=str(workdir)),
        }
        return config.Compress(**defaults | changes)

    return make
