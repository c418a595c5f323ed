"""Settings of a compression that depend on each other."""

import dataclasses

import pytest

from lit_tf import config, errors
from lit_tf.config import flatten, method_table


@pytest.mark.parametrize(
    ("method", "name", "value", "readers"),
    [
        ("scratch", "init", "teacher_blocks", "lit, scratch_copied, kd, hint"),
        ("multi_hint", "copy_ends", False, "lit, kd, hint, born_again"),
        ("kd", "section_input", "student", "lit"),
        ("kd", "falling_beta", True, "lit"),
        ("kd", "fine_tune", False, "lit"),
        ("lit", "generations", 2, "born_again"),
        ("hint", "sparsity", 0.5, "network_slimming"),
        ("lit", "pruned_channels", 0.5, "network_slimming"),
        ("born_again", "teacher_cache", "disk", "lit, kd, hint, multi_hint"),
    ],
)
def test_a_method_refuses_settings_that_it_does_not_read(
    method, name, value, readers
):
    settings = flatten.flatten(config.Compress()) | {"method": method}
    flatten.build(config.Compress, settings)
    with pytest.raises(errors.SettingsError) as refusal:
        flatten.build(config.Compress, settings | {name: value})
    assert str(refusal.value) == (
        f"`{name}` is only for `method` {readers}, not for {method}. Received: "
        f"{name}={value!r}."
    )


def test_labels_are_smoothed_in_a_phase_that_reads_them():
    lit, fine_tune = (
        dataclasses.replace(phase, label_smoothing=0.1)
        for phase in (config.LIT, config.FINE_TUNE)
    )
    config.Compress(method="kd", lit=lit, fine_tune=fine_tune)
    config.Compress(method="hint", fine_tune=fine_tune)
    with pytest.raises(errors.SettingsError) as refusal:
        config.Compress(method="hint", lit=lit)
    assert str(refusal.value) == (
        "`lit_label_smoothing` changes the hard loss, which phase lit of "
        "`method` hint does not have. Set it to 0. Received: "
        "lit_label_smoothing=0.1."
    )


def test_every_method_may_change_the_schedule_of_phase_fine_tune():
    for method in method_table.names():
        config.Compress(
            method=method,
            fine_tune=dataclasses.replace(config.FINE_TUNE, batch_size=8),
        )


@pytest.mark.parametrize("section_input", ["teacher", "mixed"])
def test_a_teacher_cache_needs_the_copied_stem(section_input):
    loss = config.Loss(section_input=section_input)
    cached = config.Frozen(teacher_cache="memory")
    config.Compress(loss=loss, frozen=cached)
    config.Compress(loss=loss, copy_ends=False)
    own = config.Loss(section_input="student")
    config.Compress(loss=own, frozen=cached, copy_ends=False)
    with pytest.raises(errors.SettingsError) as refusal:
        config.Compress(loss=loss, frozen=cached, copy_ends=False)
    assert str(refusal.value) == (
        "`teacher_cache` does not store the output of the stem, which "
        "training needs when `copy_ends` is off. Turn `teacher_cache` off, or "
        "`copy_ends` on. Received: teacher_cache='memory'."
    )


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (
            config.Shrink,
            {"keep": (2, 2), "compression": 2.0},
            "Pass either `keep` or `compression`, not both: each determines "
            "the number of blocks. Received: keep=(2, 2), compression=2.0.",
        ),
        (
            config.Compress,
            {"student": "resnet8", "shrink": config.Shrink(compression=2.0)},
            "Pass either `student` or `compression`/`keep`, not both: with "
            "the latter the student is made from the teacher. Received: "
            "student='resnet8'.",
        ),
        (
            config.Compress,
            {
                "shrink": config.Shrink(
                    compression=2.0, compression_of="latency"
                ),
                "compute": config.Compute(strategy="multi_worker"),
            },
            "`compression_of` latency cannot be used with several machines, "
            "which would measure different latencies. Run lit-compress "
            "--dry_run on one machine and pass the `keep` that it prints. "
            "Received: compression_of='latency'.",
        ),
        (
            config.Compress,
            {
                "budget": "1h",
                "compute": config.Compute(strategy="multi_worker"),
            },
            "`budget` cannot be used with several machines, which would "
            "measure different times. Run lit-compress --dry_run on one "
            "machine and pass the `epochs` that it prints. Received: "
            "budget='1h'.",
        ),
        (
            config.Loss,
            {"beta": 0.0, "falling_beta": True},
            "`falling_beta` decreases `beta`, which is 0 already. Received: "
            "beta=0.0.",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    make, settings, message
):
    with pytest.raises(errors.SettingsError) as refusal:
        make(**settings)
    assert str(refusal.value) == message


def test_a_cache_of_representations_has_texts_of_one_length():
    settings = {
        "data": config.Data(length_buckets=4),
        "frozen": config.Frozen(teacher_cache="disk"),
    }
    with pytest.raises(errors.SettingsError, match="texts of one length. Turn"):
        config.Compress(**settings)
    config.Compress(method="kd", **settings)


def test_runs_in_folders_next_to_each_other_share_a_cache():
    for workdir in ("runs/x", "runs/x/"):
        session = config.Session(workdir=workdir)
        assert session.teacher_cache_folder == "runs/teacher_cache"
