"""Steps of a phase: traced once, and several to an execution if asked."""

import collections
import json

import numpy as np
import pytest

from lit_tf import config, data, models
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import lit, supervised
from lit_tf.training import fit, run_folder

EPOCHS = 3
SHORT = config.Phase(
    epochs=EPOCHS, batch_size=32, learning_rate=0.05, weight_decay=0.0
)
LOG_STEPS = 2


@pytest.fixture(scope="module")
def digits():
    """A part of the digits: 7 steps an epoch, the last one short; validated."""
    whole = data.load(config.Data())
    return data.Dataset(
        **vars(whole) | {"train": whole.train.take(np.arange(200))}
    )


def run(trainer, digits, folder, **how):
    """Runs a phase in a folder, and returns its outcome and its rows."""
    with run_folder.opened(
        config.Teach(session=config.Session(workdir=str(folder)))
    ) as opened:
        outcome = fit.run_phase(
            "teach",
            trainer,
            digits,
            SHORT,
            opened,
            compute=config.Run(**how),
            session=config.Session(log_steps=LOG_STEPS),
            hparams={},
            extra_callbacks=TASKS["classes"].extra_callbacks,
        )
        rows = opened.metrics.read_text().splitlines()
    return outcome, [json.loads(row) for row in rows]


def taught(digits, folder, build, **how):
    return run(supervised.Teach(build(**digits.form)), digits, folder, **how)


@pytest.mark.parametrize("together", [2, 5, 7, 100])
def test_steps_that_run_together_are_those_that_run_alone(
    digits, tmp_path, build, together
):
    alone, rows = taught(digits, tmp_path / "alone", build)
    outcome, fewer = taught(
        digits, tmp_path / "all", build, steps_per_execution=together
    )
    for one, other in zip(
        alone.last.variables, outcome.last.variables, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert outcome.last.epoch == alone.last.epoch == EPOCHS
    assert outcome.best.epoch == alone.best.epoch
    # Every epoch ends with a row, at the same step and with the same numbers.
    ends = [row for row in rows if "validation/accuracy" in row]
    assert [row["step"] for row in ends] == [7, 14, 21]
    unlike = {"examples_per_second", "time", "wall_time"}
    assert [
        {k: v for k, v in row.items() if k not in unlike}
        for row in fewer
        if "validation/accuracy" in row
    ] == [{k: v for k, v in row.items() if k not in unlike} for row in ends]


def test_logs_are_as_fine_as_the_executions(digits, tmp_path, build):
    _, rows = taught(digits, tmp_path, build, steps_per_execution=3)
    within = [r["step"] for r in rows if "validation/accuracy" not in r]
    assert within == [3, 6, 10, 13, 14, 17, 20]


@pytest.mark.parametrize("together", [1, 4])
def test_a_phase_is_traced_once_to_train_and_once_to_validate(
    digits, tmp_path, monkeypatch, together
):
    traces = collections.Counter()
    terms = lit.LIT.terms

    def counted(self, x, y, *, training):
        traces[training] += 1
        return terms(self, x, y, training=training)

    monkeypatch.setattr(lit.LIT, "terms", counted)
    pair = (models.get(name)(**digits.form) for name in ("resnet14", "resnet8"))
    run(lit.LIT(*pair), digits, tmp_path, steps_per_execution=together)
    assert traces == {True: 1, False: 1}
