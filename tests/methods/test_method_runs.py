"""The methods, run to their report: budget and resumption.

tests/experiment/test_run.py runs `lit`. `scratch_copied` trains like `scratch`;
tests/methods/test_method_stages.py checks from which weights it starts.
"""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import slow
import small

import lit_tf
from lit_tf import config
from lit_tf.config import method_table
from lit_tf.experiment.run import compress, teach
from lit_tf.sections import cost, inspection
from lit_tf.training import fit

SHORT = config.Phase(
    epochs=1, batch_size=128, learning_rate=0.05, weight_decay=1e-4
)
METHODS = [
    name
    for name in method_table.names()
    if name not in ("lit", "scratch_copied")
]
# The methods of which a test reads the FLOPs.
COUNTED = ("scratch", "kd", "network_slimming")


@pytest.fixture(scope="module", autouse=True)
def short():
    """Lets runs end without SavedModels, which other tests write."""
    with pytest.MonkeyPatch.context() as patch:
        small.skip_export(patch.setattr)
        yield


@pytest.fixture(scope="module")
def settings(small_family, short, tmp_path_factory):
    """A function: (run folder, method, changes) → a config on digits."""
    teacher = tmp_path_factory.mktemp("teacher")
    teach(
        config.Teach(
            teacher="small10",
            teach=dataclasses.replace(SHORT, epochs=3),
            session=config.Session(workdir=str(teacher)),
        )
    )

    def make(workdir, method="lit", **changes):
        defaults = {
            "method": method,
            "teacher": "small10",
            # Without it, the teacher's file is read once more.
            "data": config.Data(dataset="digits"),
            "student": "small10" if method == "born_again" else "small6",
            "teacher_weights": str(teacher),
            "lit": SHORT,
            "fine_tune": dataclasses.replace(SHORT, learning_rate=0.01),
            "session": config.Session(workdir=str(workdir)),
        }
        return config.Compress(**defaults | changes)

    return make


def same(ours, theirs):
    pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
    return [np.array_equal(one, other) for one, other in pairs]


@pytest.fixture(scope="module")
def ran(settings, tmp_path_factory):
    """A function: method → the folder and the report of its run.

    `killed` next to the folder is a copy from before the second phase.
    """
    known = {}

    def run(method):
        if method not in known:
            folder = tmp_path_factory.mktemp(method) / "run"
            names, run_phase = [], fit.run_phase

            def copying_run(name, *arguments, **named):
                names.append(name)
                if len(names) == 2:
                    shutil.copytree(folder, folder.with_name("killed"))
                return run_phase(name, *arguments, **named)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(fit, "run_phase", copying_run)
                if method not in COUNTED:
                    small.skip_costs(patch.setattr)
                results = compress(settings(folder, method))
            known[method] = folder, results
        return known[method]

    return run


@pytest.mark.parametrize("method", slow.all_but(["network_slimming"], METHODS))
def test_a_method_runs_to_its_report(ran, method):
    folder, results = ran(method)
    assert results["settings"]["method"] == method
    assert results["student"]["test_accuracy"] > 0.2
    assert list(results["budget"]["phases"]) == ["lit", "fine_tune"]
    assert results["budget"]["examples"] == 2 * results["data"]["train"]
    student = lit_tf.load(folder / "student.keras")
    if method in COUNTED:
        assert cost.flops(student) == results["student"]["flops"]
    assert inspection.computes_in(student) == {"float32"}
    assert f"Method {method}." in (folder / "report.md").read_text()


@pytest.mark.slow
def test_the_budget_counts_examples_flops_and_seconds(ran):
    flops = {}
    for method in ("scratch", "kd"):
        folder, results = ran(method)
        budget = results["budget"]
        flops[method] = budget["flops"] / budget["examples"]
        for unit in ("examples", "flops", "seconds"):
            phase = budget["phases"].values()
            assert budget[unit] == sum(one[unit] for one in phase) > 0
    teacher, student = results["teacher"]["flops"], results["student"]["flops"]
    stem = cost.flops(lit_tf.load(folder / "student.keras").stem)
    # Forward, and twice as much backward, less the gradient of the pixels.
    assert flops["scratch"] == pytest.approx(3 * student - stem, rel=1e-9)
    assert flops["kd"] == pytest.approx(flops["scratch"] + teacher, rel=1e-9)


def test_a_run_may_end_with_phase_lit_and_without_the_test_split(
    settings, tmp_path, monkeypatch, without_costs
):
    def read(*_, **__):
        raise AssertionError("The test split was read.")

    monkeypatch.setattr(
        "lit_tf.experiment.tasks.classification.Classification.evaluate", read
    )
    results = compress(
        settings(tmp_path, with_fine_tune=False, read_test=False)
    )
    assert list(results["budget"]["phases"]) == ["lit"]
    assert results["student"]["last_phase"] == "lit"
    assert "test_accuracy" not in json.dumps(results)
    assert results["student"]["best"]["validation_accuracy"] > 0.2
    text = (tmp_path / "report.md").read_text()
    assert "The test split was not read (--noread_test)." in text


def test_a_method_resumes_between_its_stages(
    ran, settings, capsys, without_costs
):
    whole, _ = ran("network_slimming")
    killed = whole.with_name("killed")
    assert not (killed / "student.keras").exists()
    compress(settings(killed, "network_slimming"))
    assert "lit       finished earlier" in capsys.readouterr().out
    assert all(
        same(
            lit_tf.load(whole / "student.keras"),
            lit_tf.load(killed / "student.keras"),
        )
    )
