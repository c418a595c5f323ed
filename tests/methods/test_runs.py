"""Every method, run to its report: what it took, and that it resumes."""

import json

import numpy as np
import pytest

import lit_tf
from lit_tf import (
    config,
    experiment,
    measure,
    methods,
    phases,
    sectioned,
)


def same(ours, theirs):
    pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
    return [np.array_equal(one, other) for one, other in pairs]


@pytest.mark.parametrize("method", methods.METHODS)
def test_a_method_runs_to_its_report(settings, tmp_path, method):
    told = experiment.compress(settings(tmp_path, method))
    assert told["settings"]["method"] == method
    assert told["student"]["test_accuracy"] > 0.2
    assert list(told["budget"]["phases"]) == ["lit", "fine_tune"]
    assert told["budget"]["examples"] == 2 * told["data"]["train"]
    student = lit_tf.load(tmp_path / "student.keras")
    assert measure.flops(student) == told["student"]["flops"]
    assert sectioned.computes_in(student) == {"float32"}


def test_what_training_took_is_counted(settings, tmp_path):
    flops, teacher, student = {}, None, None
    for method in ("scratch", "kd"):
        told = experiment.compress(
            settings(tmp_path / method, method, read_test=False)
        )
        budget = told["budget"]
        flops[method] = budget["flops"] / budget["examples"]
        for unit in ("examples", "flops", "seconds"):
            phase = budget["phases"].values()
            assert budget[unit] == sum(one[unit] for one in phase) > 0
        teacher, student = told["teacher"]["flops"], told["student"]["flops"]
    stem = measure.flops(lit_tf.load(tmp_path / "kd" / "student.keras").stem)
    # Forward, and twice as much backward, less what nobody asks of the pixels.
    assert flops["scratch"] == pytest.approx(3 * student - stem, rel=1e-9)
    assert flops["kd"] == pytest.approx(flops["scratch"] + teacher, rel=1e-9)


def test_without_fine_tuning_the_student_of_phase_lit_is_exported(
    settings, tmp_path
):
    told = experiment.compress(settings(tmp_path, no_fine_tune=True))
    assert list(told["budget"]["phases"]) == ["lit"]
    assert told["student"]["last_phase"] == "lit"
    assert "epoch of lit" in (tmp_path / "report.md").read_text()


def test_a_test_split_that_is_not_to_be_read_is_not_read(
    settings, tmp_path, monkeypatch
):
    def read(*_, **__):
        raise AssertionError("The test split was read.")

    monkeypatch.setattr("lit_tf.tasks.classes.judge", read)
    told = experiment.compress(settings(tmp_path, read_test=False))
    assert "test_accuracy" not in json.dumps(told)
    assert told["student"]["best"]["validation_accuracy"] > 0.2
    text = (tmp_path / "report.md").read_text()
    assert "The test split was not read (--noread_test)." in text


@pytest.mark.parametrize("method", ["network_slimming", "born_again"])
def test_a_method_resumes_between_its_stages(
    settings, tmp_path, monkeypatch, method
):
    generations = 2 if method == "born_again" else 1
    chosen = {
        "rivals": config.Rivals(generations=generations),
        "read_test": False,
    }
    run, ran = phases.run, []

    def halting(name, *arguments, **named):
        if len(ran) == 1 and ran[0] != "again":
            raise KeyboardInterrupt
        ran.append(name)
        return run(name, *arguments, **named)

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    experiment.compress(settings(whole, method, **chosen))
    monkeypatch.setattr(phases, "run", halting)
    with pytest.raises(KeyboardInterrupt):
        experiment.compress(settings(cut, method, **chosen))
    ran[:] = ["again"]
    experiment.compress(settings(cut, method, **chosen))
    assert all(
        same(
            lit_tf.load(whole / "student.keras"),
            lit_tf.load(cut / "student.keras"),
        )
    )


def test_replicas_take_what_one_device_takes(settings, tmp_path):
    budgets = [
        experiment.compress(
            settings(
                tmp_path / strategy,
                run=config.Run(strategy=strategy),
                loss=config.Loss(section_input="mixed"),
                read_test=False,
            )
        )["budget"]
        for strategy in ("default", "mirrored")
    ]
    for unit in ("examples", "flops"):
        assert budgets[0][unit] == budgets[1][unit]
