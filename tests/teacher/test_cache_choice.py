"""`--teacher_cache=auto`: decided from measurements, which tests give."""

import dataclasses
import types

import cached
import pytest
import small

from lit_tf import config, errors
from lit_tf.experiment import auto_cache, run, student_training
from lit_tf.methods import stages
from lit_tf.teacher import array_store, cache_choice, disk_speed
from lit_tf.teacher.cache_choice import Disk, Reading
from lit_tf.teacher.cache_need import Need

pytestmark = pytest.mark.usefixtures("small_family")

# 1 GB of outputs of 50,000 examples, computed in 100 s. 10 epochs of 500 steps
# of 0.5 s, of which the teacher takes 0.2 s.
NEED = Need(
    size=10**9,
    free=10**10,
    place="caches/",
    teacher_seconds=0.002,
    fill_seconds=100.0,
    bytes_by_part={"output": 40, "representations": 20_000},
)
STEPS = Reading(
    steps=5000, step_seconds=0.5, batch_size=100, example_bytes=20_040
)
FAST = Disk(write=1e8, read=1e8)


def test_a_cache_that_saves_time_is_chosen_with_its_times():
    choice, sentence = cache_choice.choose(NEED, [STEPS], FAST)
    assert choice == "disk"
    # 100 s of the teacher and 10 s to write; 5000 × (0.5 − 0.2) s.
    assert sentence == (
        "the teacher's outputs are cached: filling it takes about 1:50 and "
        "1.00 GB, and training then 25:00 in place of 41:40"
    )


@pytest.mark.parametrize(
    ("need", "phases", "disk", "reason"),
    [
        # Two epochs: 1,000 steps save 200 s, but four views take 400 s.
        (
            {"fill_seconds": 400.0},
            [dataclasses.replace(STEPS, steps=1000)],
            FAST,
            "filling it takes about 6:50 and 1.00 GB, and training then 5:00 "
            "in place of 8:20",
        ),
        # 2 MB a step at 3 MB/s take longer than a step.
        ({}, [STEPS], Disk(write=1e8, read=3e6), "then 55:40 in place of 41"),
        ({}, [STEPS], Disk(write=5e5, read=1e8), "takes about 35:00 and"),
        (
            {"free": 10**9},
            [STEPS],
            FAST,
            "needs 1.00 GB, and caches/ has 1.00 GB free, of which a cache may "
            "take 90 %",
        ),
        ({}, [], FAST, "then 0:00 in place of 0:00"),
    ],
)
def test_a_cache_that_saves_nothing_or_has_no_room_is_not(
    need, phases, disk, reason
):
    need = dataclasses.replace(NEED, **need)
    choice, sentence = cache_choice.choose(need, phases, disk)
    assert choice == "off" and reason in sentence


def test_a_stored_cache_is_read_if_that_is_faster():
    need = dataclasses.replace(NEED, size=0, fill_seconds=0.0, free=0)
    assert cache_choice.choose(need, [STEPS], FAST)[0] == "disk"


def test_the_phases_read_what_they_need():
    phases = [
        dataclasses.replace(STEPS, steps=1),
        dataclasses.replace(STEPS, steps=1, example_bytes=40),
    ]
    slow = Disk(write=1e8, read=2e6)  # 1 s a step of all outputs.
    _, sentence = cache_choice.choose(NEED, phases, slow)
    assert "training then 0:01 in place of 0:01" in sentence


@pytest.fixture
def measured(monkeypatch):
    """Replaces measurements; steps of the model take 1 s."""
    calls = []

    def measure(pair, dataset, auxiliary_models):
        calls.append(pair)
        one = {"epochs": 3.0, "steps": 3, "step_seconds": 1.0}
        one |= {"batch_size": 100}
        return {"lit": [one], "fine_tune": [one | {"epochs": 1.0}]}

    monkeypatch.setattr(auto_cache.planned_epochs, "measure", measure)
    monkeypatch.setattr(disk_speed, "measure", lambda folder: FAST)
    return calls


def pair_of(model, folder, **changes):
    chosen = cached.settings(folder, teacher_cache="auto")
    return stages.Pair(
        settings=dataclasses.replace(chosen, **changes),
        teacher=model.teacher,
        student=model.student,
        frozen=model.frozen,
        copy=None,
        new_student=lambda: model.student,
        steps=0,
    )


def folder_of(facts):
    return types.SimpleNamespace(
        pinned=facts.get, pin=lambda **new: facts.update(new)
    )


def test_the_choice_is_recorded_and_repeated(
    model, digits, tmp_path, measured, monkeypatch, capsys
):
    facts = {}
    # The teacher takes 5 ms an example, half of a step.
    monkeypatch.setattr(
        student_training.cache.TeacherCache,
        "_seconds_per_example",
        lambda self: 0.005,
    )
    pair = pair_of(model, tmp_path)
    chosen = auto_cache.decided(pair, digits, {}, folder_of(facts))
    assert chosen.settings.frozen.teacher_cache == "disk"
    assert facts == {"teacher_cache": "disk"}
    # Two views of 250 images and 144 of validation; 9 + 3 steps.
    printed = capsys.readouterr().out
    assert "outputs are cached: filling it takes about 0:03 and" in printed
    assert "training then 0:06 in place of 0:12" in printed
    assert not (tmp_path / "teacher_cache").exists()
    for recorded in ("disk", "off"):
        again = auto_cache.decided(
            pair, digits, {}, folder_of({"teacher_cache": recorded})
        )
        assert again.settings.frozen.teacher_cache == recorded
    assert len(measured) == 1


def test_what_excludes_a_cache_is_not_measured(
    model, digits, tmp_path, measured, monkeypatch, capsys
):
    pair = pair_of(model, tmp_path, copy_ends=False)
    off = auto_cache.decided(pair, digits, {})
    assert off.settings.frozen.teacher_cache == "off"
    assert (
        "Turn `teacher_cache` off, or `copy_ends` on" in capsys.readouterr().out
    )
    monkeypatch.setattr(array_store.DiskStore, "free", lambda self: 1000)
    off = auto_cache.decided(pair_of(model, tmp_path), digits, {})
    assert off.settings.frozen.teacher_cache == "off"
    assert "has 1.0 kB free" in capsys.readouterr().out
    assert not measured


def test_no_room_is_reported_before_the_teacher_is_trained(
    tmp_path, monkeypatch
):
    small.skip_costs(monkeypatch.setattr)
    monkeypatch.setattr(array_store.DiskStore, "free", lambda self: 1000)
    monkeypatch.setattr(run, "_teach", pytest.fail)
    with pytest.raises(errors.DataError, match="has 1.0 kB free. Use fewer"):
        run.compress(cached.settings(tmp_path))


def test_several_machines_are_refused(tmp_path):
    with pytest.raises(errors.SettingsError, match="measure different times"):
        dataclasses.replace(
            cached.settings(tmp_path, teacher_cache="auto"),
            compute=config.Compute(strategy="multi_worker"),
        )


def test_a_disk_is_measured_and_left_as_it_was(tmp_path):
    speed = disk_speed.measure(tmp_path / "later", size=2**20)
    assert speed.write > 0 and speed.read > 0
    assert not list(tmp_path.iterdir())
