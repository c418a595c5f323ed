"""A phase is traced once, and an execution may consist of several steps."""

import collections
import dataclasses
import json

import numpy as np
import pytest
import seeds
import slow
import small

from lit_tf import config, data
from lit_tf.experiment.tasks import TASKS
from lit_tf.methods import lit, supervised
from lit_tf.training import epochs, fit, run_folder
from lit_tf.training.schedule import Schedule

EPOCHS = 3
SHORT = config.Phase(
    epochs=EPOCHS, batch_size=32, learning_rate=0.05, weight_decay=0.0
)
LOG_STEPS = 2


@pytest.fixture(scope="module")
def digits():
    """Some of the digits: 7 steps per epoch with a short last batch."""
    whole = data.load(config.Data())
    return data.Dataset(
        **vars(whole) | {"train": whole.train.take(np.arange(200))}
    )


def run(trainer, digits, folder, phase=SHORT, least_score=None, **how):
    """Runs a phase in a folder; returns its outcome and the rows of its log."""
    with run_folder.opened(
        config.Teach(session=config.Session(workdir=str(folder)))
    ) as opened:
        outcome = fit.run_phase(
            "teach",
            trainer,
            Schedule(trainer, digits, phase),
            opened,
            compute=config.Compute(**how),
            session=config.Session(log_steps=LOG_STEPS),
            hparams={},
            extra_callbacks=TASKS["classes"].extra_callbacks,
            least_score=least_score,
        )
        rows = opened.metrics.read_text().splitlines()
    return outcome, [json.loads(row) for row in rows]


def model(depth, digits):
    seeds.set_all(0)
    return small.build(depth, **digits.form)


def teach(digits, folder, **how):
    return run(supervised.Teach(model(6, digits)), digits, folder, **how)


@pytest.fixture(scope="module")
def alone(digits, tmp_path_factory):
    """The outcome and the log of a phase with one step per execution."""
    return teach(digits, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("steps", slow.all_but([5], [2, 5, 7, 100]))
def test_steps_in_one_execution_equal_steps_in_separate_executions(
    digits, tmp_path, alone, steps
):
    alone, rows = alone
    outcome, several = teach(digits, tmp_path, steps_per_execution=steps)
    for one, other in zip(
        alone.last.variables, outcome.last.variables, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert outcome.last.epoch == alone.last.epoch == EPOCHS
    assert outcome.best.epoch == alone.best.epoch
    # Each epoch ends with a row, at the same step and with the same numbers.
    ends = [row for row in rows if "validation/accuracy" in row]
    assert [row["step"] for row in ends] == [7, 14, 21]
    unlike = {"examples_per_second", "time", "wall_time"}
    assert [
        {k: v for k, v in row.items() if k not in unlike}
        for row in several
        if "validation/accuracy" in row
    ] == [{k: v for k, v in row.items() if k not in unlike} for row in ends]


def test_logs_have_at_most_a_row_per_execution(digits, tmp_path):
    _, rows = teach(digits, tmp_path, steps_per_execution=3)
    within = [r["step"] for r in rows if "validation/accuracy" not in r]
    assert within == [3, 6, 10, 13, 14, 17, 20]


@pytest.mark.parametrize("steps", slow.all_but([11], [5, 11]))
def test_a_phase_of_steps_ends_within_an_epoch_and_an_execution(
    digits, tmp_path, steps
):
    phase = dataclasses.replace(SHORT, epochs=0, steps=steps)
    _, rows = teach(digits, tmp_path, phase=phase, steps_per_execution=2)
    assert rows[-1]["step"] == steps
    with np.load(tmp_path / "checkpoints" / "teach.npz") as archive:
        assert json.loads(str(archive["position"]))["step"] == steps
        counts = [int(v) for v in archive.values() if v.dtype == np.int64]
    assert counts == [steps]  # The optimizer's own count.


def test_a_phase_ends_once_its_student_is_worse_also_after_an_interruption(
    digits, tmp_path, alone, monkeypatch
):
    fit_epochs = epochs.fit

    def interrupted(*arguments, **named):
        fit_epochs(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(epochs, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            teach(digits, tmp_path, least_score=2.0)
    outcome, rows = teach(digits, tmp_path, least_score=2.0)
    assert (outcome.stopped, outcome.steps) == (True, 7)
    assert [rows[-1]["epoch"], rows[-1]["step"]] == [1, 7]
    assert outcome.best.epoch == outcome.last.epoch == 1
    whole, _ = alone
    assert (whole.stopped, whole.steps) == (False, EPOCHS * 7)


@pytest.mark.parametrize("steps", slow.all_but([4], [1, 4]))
def test_a_phase_is_traced_once_to_train_and_once_to_validate(
    digits, tmp_path, monkeypatch, steps
):
    traces = collections.Counter()
    terms = lit.LIT.terms

    def counted(self, x, y, *, training):
        traces[training] += 1
        return terms(self, x, y, training=training)

    monkeypatch.setattr(lit.LIT, "terms", counted)
    pair = (model(depth, digits) for depth in (10, 6))
    run(lit.LIT(*pair), digits, tmp_path, steps_per_execution=steps)
    assert traces == {True: 1, False: 1}
