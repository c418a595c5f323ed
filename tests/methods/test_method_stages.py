"""Every method: who trains, and from what."""

import dataclasses

import numpy as np
import pytest

from lit_tf import config, errors, models
from lit_tf.config import methods
from lit_tf.experiment import build
from lit_tf.methods import distill, fitnets, lit, network_slimming, supervised
from lit_tf.methods.stages import check, describe_training
from lit_tf.sections import cost

# Who trains in phases lit and fine_tune.
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


def stages(chosen):
    """Returns a pair, and its stages, none of which is trained."""
    dataset = build.load_dataset(chosen.data, chosen.session)
    pair = build.start(chosen, *build.pair(chosen, dataset), dataset)
    return pair, list(build.training_stages(pair, dataset, {}))


@pytest.fixture(scope="module")
def staged(settings):
    """A function: method → a pair and its stages, as by default."""
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
    assert methods.names() == tuple(TRAINERS)


@pytest.mark.parametrize("method", TRAINERS)
def test_a_method_has_two_phases_and_its_trainers(staged, method):
    _, found = staged(method)
    assert [type(stage.trainer) for stage in found] == TRAINERS[method]
    assert [stage.phase for stage in found] == ["lit", "fine_tune"]
    assert [stage.name for stage in found] == ["lit", "fine_tune"]


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
def test_the_ends_are_the_teachers_where_a_method_copies_them(
    staged, method, copied
):
    pair, found = staged(method)
    student = found[-1].trainer.student
    for part in ("stem", "head"):
        equal = same(getattr(student, part), getattr(pair.teacher, part))
        assert all(equal) == copied


@pytest.mark.parametrize("method", ["lit", "kd", "hint"])
def test_the_ends_are_new_where_none_are_to_be_copied(
    settings, tmp_path, method
):
    pair, found = stages(settings(tmp_path, method, copy_ends=False))
    assert not all(same(found[0].trainer.student.head, pair.teacher.head))


@pytest.mark.parametrize("method", ["lit", "scratch_copied", "kd", "hint"])
def test_blocks_are_the_teachers_where_it_is_asked_for(
    settings, tmp_path, method
):
    chosen = settings(tmp_path, method, init="teacher_blocks")
    pair, found = stages(chosen)
    student = found[0].trainer.student
    theirs = pair.teacher.sections[2].layers
    ours = student.sections[2].layers
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
    kept = sum(
        cut.norm.gamma.shape[0]
        for cut in network_slimming.cuts(second.trainer.student)
    )
    # Of a teacher that was not pressed no two scales are the same.
    assert kept == 2 * (16 + 32 + 64) / 2


def test_a_generation_learns_from_the_one_before_it(settings, tmp_path):
    chosen = settings(
        tmp_path, "born_again", baselines=config.Baselines(generations=3)
    )
    pair, found = stages(chosen)
    assert [stage.name for stage in found] == [
        *("lit", "fine_tune", "lit_2", "fine_tune_2", "lit_3", "fine_tune_3"),
    ]
    trainers = [stage.trainer for stage in found]
    assert trainers[0].teacher is trainers[1].teacher is pair.teacher
    assert trainers[2].teacher is trainers[3].teacher is trainers[1].student
    assert trainers[4].teacher is trainers[3].student
    assert trainers[4].student is not trainers[2].student


def test_a_born_again_student_of_another_shape_is_refused(settings, tmp_path):
    chosen = settings(tmp_path, "born_again", student="resnet8")
    with pytest.raises(errors.SettingsError) as refusal:
        stages(chosen)
    assert str(refusal.value) == (
        "A born-again student must have the shape of its teacher. Received: "
        "teacher resnet14, student resnet8."
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
        tmp_path, loss=loss, copy_ends=False, run=config.Run(seed=3)
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
def test_what_becomes_of_the_parts_is_said(method, changes, ends, sections):
    chosen = config.Compress(method=method, **changes)
    assert describe_training(chosen) == (ends, sections)


@pytest.mark.parametrize("method", TRAINERS)
def test_what_is_said_of_the_ends_is_what_becomes_of_them(staged, method):
    pair, found = staged(method)
    first = found[0].trainer
    trained = {id(variable) for variable in first.trained_variables}
    said = methods.get(method).ends
    for part in ("stem", "head"):
        ours = getattr(first.student, part)
        copied = all(same(ours, getattr(pair.teacher, part)))
        assert copied == ("new" not in said)
        if method != "hint" and said != "the teacher's":
            all_of_it = {id(v) for v in ours.trainable_variables} <= trained
            assert all_of_it == ("trained" in said)


def test_a_fraction_that_is_given_needs_no_students_size(settings, tmp_path):
    baselines = config.Baselines(pruned_channels=0.25)
    chosen = settings(tmp_path, "network_slimming")
    dataset = build.load_dataset(chosen.data, chosen.session)
    teacher, _ = build.pair(chosen, dataset)
    # No cut leaves as little as one of a single channel has.
    student = models.get("resnet8", width=1)(**dataset.form)
    with pytest.raises(errors.SettingsError, match="can be slimmed to"):
        check(chosen, teacher, student)
    given = dataclasses.replace(chosen, baselines=baselines)
    check(given, teacher, student)
