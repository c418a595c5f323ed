"""Every method: its trainers, and the weights that they start from."""

import dataclasses

import numpy as np
import pytest
import slow

from lit_tf import config, data, errors, models
from lit_tf.config import method_table
from lit_tf.experiment import build, student_training
from lit_tf.methods import (
    channel_pruning,
    distill,
    fitnets,
    lit,
    network_slimming,
    supervised,
)
from lit_tf.methods.method_checks import check, describe_training
from lit_tf.outputs import Classes
from lit_tf.sections import cost

# The trainers of phases lit and fine_tune.
TRAINERS = {
    "lit": [lit.LIT, distill.Distill],
    "scratch": [supervised.Teach, supervised.Teach],
    "scratch_copied": [supervised.Teach, supervised.Teach],
    "kd": [distill.Distill, distill.Distill],
    "hint": [fitnets.Hint, distill.Distill],
    "multi_hint": [lit.LIT, distill.Distill],
    "born_again": [distill.Distill, distill.Distill],
    "network_slimming": [network_slimming.Slim, supervised.Teach],
}


@pytest.fixture(scope="module")
def settings(small_family, tmp_path_factory):
    """A function: (run folder, method, changes) → a config on digits.

    The teacher has random scales of BatchNorm, like a trained one.
    """
    path = tmp_path_factory.mktemp("teacher") / "teacher.keras"
    teacher = models.get("small10")(**data.source("digits").form())
    random = np.random.default_rng(0)
    for prunable in channel_pruning.prunable_norms(teacher):
        gamma = prunable.norm.gamma
        gamma.assign(random.uniform(0.5, 1.5, gamma.shape))
    teacher.save(path)
    phase = config.Phase(
        epochs=1, batch_size=128, learning_rate=0.05, weight_decay=1e-4
    )

    def make(workdir, method="lit", **changes):
        defaults = {
            "method": method,
            "teacher": "small10",
            "student": "small10" if method == "born_again" else "small6",
            "teacher_weights": str(path),
            "lit": phase,
            "fine_tune": phase,
            "session": config.Session(workdir=str(workdir)),
        }
        return config.Compress(**defaults | changes)

    return make


def stages(chosen):
    """Returns a pair and its stages, none of which has been trained."""
    dataset = build.load_dataset(chosen.data, chosen.session)
    pair = student_training.freeze_pair(
        chosen, *build.pair(chosen, dataset), dataset
    )
    return pair, list(student_training.training_stages(pair, dataset, {}))


@pytest.fixture(scope="module")
def staged(settings):
    """A function: method → a pair and its stages, with default settings."""
    known = {}

    def make(method):
        if method not in known:
            known[method] = stages(settings("unused", method))
        return known[method]

    return make


def same(ours, theirs):
    pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
    return [np.array_equal(one, other) for one, other in pairs]


def test_every_method_is_in_the_table_and_in_the_settings():
    assert method_table.names() == tuple(TRAINERS)


@pytest.mark.parametrize(
    "method",
    slow.all_but(set(TRAINERS) - {"scratch_copied", "multi_hint"}, TRAINERS),
)
def test_a_method_has_two_phases_and_its_trainers(staged, method):
    _, all_stages = staged(method)
    assert [type(stage.trainer) for stage in all_stages] == TRAINERS[method]
    assert [stage.phase for stage in all_stages] == ["lit", "fine_tune"]
    assert [stage.name for stage in all_stages] == ["lit", "fine_tune"]


@pytest.mark.parametrize(
    ("method", "copied"),
    [
        ("lit", True),
        ("scratch", False),
        ("scratch_copied", True),
        ("kd", True),
        ("hint", True),
        ("multi_hint", False),
        ("born_again", True),
    ],
)
def test_the_ends_are_the_teachers_if_a_method_copies_them(
    staged, method, copied
):
    pair, all_stages = staged(method)
    student = all_stages[-1].trainer.student
    for part in ("stem", "head"):
        equal = same(getattr(student, part), getattr(pair.teacher, part))
        assert all(equal) == copied


@pytest.mark.parametrize("method", slow.all_but(["lit"], ["lit", "kd", "hint"]))
def test_the_ends_are_new_if_none_are_copied(settings, tmp_path, method):
    pair, all_stages = stages(settings(tmp_path, method, copy_ends=False))
    assert not all(same(all_stages[0].trainer.student.head, pair.teacher.head))


@pytest.mark.parametrize(
    "method",
    slow.all_but(["lit", "kd"], ["lit", "scratch_copied", "kd", "hint"]),
)
def test_blocks_are_the_teachers_with_init_teacher_blocks(
    settings, tmp_path, method
):
    chosen = settings(tmp_path, method, init="teacher_blocks")
    pair, all_stages = stages(chosen)
    student = all_stages[0].trainer.student
    theirs = pair.teacher.sections[1].layers
    ours = student.sections[1].layers
    # The first block is the teacher's first.
    theirs, ours = (
        [layer for layer in layers if layer.name.startswith("block_1_")]
        for layers in (theirs, ours)
    )
    assert all(
        equal
        for one, other in zip(ours, theirs, strict=True)
        for equal in same(one, other)
    )


def test_a_slimmed_teacher_starts_as_the_teacher(settings, staged, tmp_path):
    pair, (first, second) = staged("network_slimming")
    assert all(same(first.trainer.student, pair.teacher))
    flops = cost.flops(second.trainer.student)
    assert flops <= cost.flops(pair.student) < 1.2 * flops
    baselines = config.Baselines(pruned_channels=0.5)
    chosen = settings(tmp_path, "network_slimming", baselines=baselines)
    _, (_, second) = stages(chosen)
    channels = sum(
        prunable.norm.gamma.shape[0]
        for prunable in channel_pruning.prunable_norms(second.trainer.student)
    )
    # No two scales of the teacher are the same.
    assert channels == 4 * 8 / 2


def test_each_generation_is_taught_by_the_one_before_it(settings, tmp_path):
    chosen = settings(
        tmp_path, "born_again", baselines=config.Baselines(generations=3)
    )
    pair, all_stages = stages(chosen)
    assert [stage.name for stage in all_stages] == [
        *("lit", "fine_tune", "lit_2", "fine_tune_2", "lit_3", "fine_tune_3"),
    ]
    trainers = [stage.trainer for stage in all_stages]
    assert trainers[0].teacher is trainers[1].teacher is pair.teacher
    assert trainers[2].teacher is trainers[3].teacher is trainers[1].student
    assert trainers[4].teacher is trainers[3].student
    assert trainers[4].student is not trainers[2].student


def test_a_born_again_student_of_another_shape_is_refused(settings, tmp_path):
    chosen = settings(tmp_path, "born_again", student="small6")
    with pytest.raises(errors.SettingsError) as refusal:
        stages(chosen)
    assert str(refusal.value) == (
        "A born-again student must have the shape of its teacher. Received: "
        "teacher small10, student small6."
    )


def test_settings_reach_the_trainers(settings, tmp_path):
    loss = config.Loss(
        alpha=0.25,
        temperature=3.0,
        beta=0.5,
        penalty="l1",
        falling_beta=True,
        section_input="mixed",
    )
    chosen = settings(
        tmp_path, loss=loss, copy_ends=False, compute=config.Compute(seed=3)
    )
    pair, (first, second) = stages(chosen)
    one, two = first.trainer, second.trainer
    assert one.section_input == "mixed" and not one.copies_ends
    assert one.seed == 3
    assert one.penalty.__name__ == "l1"
    for outputs in (one.outputs, two.outputs):
        assert (outputs.alpha, outputs.temperature) == (0.25, 3.0)
    # 1,293 images of digits are 11 batches.
    assert pair.steps == 11
    for schedule, start in ((one.beta, 0.5), (one.teacher_probability, 1.0)):
        assert float(schedule(0)) == pytest.approx(start)
        assert float(schedule(11)) == pytest.approx(0.0)
    baselines = config.Baselines(sparsity=0.125)
    chosen = settings(tmp_path, "network_slimming", baselines=baselines)
    assert stages(chosen)[1][0].trainer.sparsity == 0.125


@pytest.mark.parametrize(
    ("method", "changes", "ends", "sections"),
    [
        ("lit", {}, "copied, frozen", "trained"),
        (
            "lit",
            {"copy_ends": False, "init": "teacher_blocks"},
            "new, trained",
            "the teacher's blocks, trained",
        ),
        ("scratch", {}, "new, trained", "trained"),
        ("kd", {}, "copied, trained", "trained"),
        ("hint", {}, "copied, frozen", "trained up to the middle"),
    ],
)
def test_the_description_names_how_the_parts_are_trained(
    method, changes, ends, sections
):
    chosen = config.Compress(method=method, **changes)
    assert describe_training(chosen) == (ends, sections)


@pytest.mark.parametrize("method", TRAINERS)
def test_the_ends_are_trained_as_described(staged, method):
    pair, all_stages = staged(method)
    first = all_stages[0].trainer
    trained = {id(variable) for variable in first.trained_variables}
    description = method_table.get(method).ends
    for part in ("stem", "head"):
        ours = getattr(first.student, part)
        copied = all(same(ours, getattr(pair.teacher, part)))
        assert copied == ("new" not in description)
        if method != "hint" and description != "the teacher's":
            fully = {id(v) for v in ours.trainable_variables} <= trained
            assert fully == ("trained" in description)


def test_a_given_fraction_does_not_depend_on_the_students_size(
    settings, tmp_path
):
    baselines = config.Baselines(pruned_channels=0.25)
    chosen = settings(tmp_path, "network_slimming")
    dataset = build.load_dataset(chosen.data, chosen.session)
    teacher, _ = build.pair(chosen, dataset)
    # Pruning leaves more FLOPs than a student of a single channel has.
    student = models.get("small6", width=1)(**dataset.form)
    with pytest.raises(errors.SettingsError, match="can reduce"):
        check(chosen, teacher, student, Classes())
    with_fraction = dataclasses.replace(chosen, baselines=baselines)
    check(with_fraction, teacher, student, Classes())
