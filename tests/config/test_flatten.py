"""Settings by flag name: flatten, build, and the list of settings."""

import dataclasses
import json

import pytest

from lit_tf import config, errors
from lit_tf.config import flatten

# Second values of the settings that allow only certain values.
OTHERS = {
    "flip": "on",
    "decoding": "once",
    "attributes": ("Dark", "Coat"),
    "exclusive": ("Trouser+Coat",),
    "image_size": 64,
    "image_channels": 1,
    "min_teacher_accuracy": 0.5,
    "penalty": "l1",
    "section_input": "student",
    "init": "teacher_blocks",
    "export": "last",
    "optimizer": "adam",
    "discriminator": "trained",
    "dtype": "mixed_float16",
    "strategy": "mirrored",
    "jit_compile": "off",
    "teacher_dtype": "bfloat16",
    "teacher_cache": "disk",
    "compression_of": "parameters",
}


def another(name, value):
    """Returns an allowed value of a setting that differs from `value`."""
    for one in (name, name.rpartition("_")[2]):  # A phase's, such as `lit_…`.
        if one in OTHERS:
            return OTHERS[one]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return "another"
    if isinstance(value, tuple):
        return (3, 7)
    return value + 1 if isinstance(value, int) else value / 2 + 0.125


# Settings that `all_changed` leaves at their defaults: the method, the settings
# of other methods, those that replace `student` or `cuts`, and what excludes
# the cache.
UNCHANGED = (
    "method",
    "connector",
    "mixup",
    "cutmix",
    *(f.name for f in dataclasses.fields(config.Baselines)),
    "compression",
    "keep",
    "sections",
    "epochs",
    "budget",
    "length_buckets",
)


def all_changed():
    """Returns flat settings that all differ from the defaults, except a few."""
    defaults = flatten.flatten(config.Compress())
    changed = {name: another(name, value) for name, value in defaults.items()}
    assert not changed.items() & defaults.items()
    return changed | {name: defaults[name] for name in UNCHANGED}


def test_build_is_the_inverse_of_flatten():
    changed = all_changed()
    built = flatten.build(config.Compress, changed)
    assert flatten.flatten(built) == changed
    assert flatten.build(config.Compress, flatten.flatten(built)) == built


def test_settings_survive_json():
    built = flatten.build(config.Compress, all_changed())
    read = json.loads(json.dumps(flatten.flatten(built)))
    assert flatten.build(config.Compress, read) == built


def test_the_settings_of_teach_are_a_subset_of_those_of_compress():
    changed = all_changed()
    teacher = flatten.flatten(flatten.build(config.Teach, changed))
    assert teacher.items() < changed.items()


def test_the_message_names_the_phase_of_a_refused_setting():
    settings = flatten.flatten(config.Compress()) | {"lit_momentum": 2.0}
    with pytest.raises(errors.SettingsError, match="`lit_momentum` must be"):
        flatten.build(config.Compress, settings)


def test_milestones_may_be_strings():
    settings = flatten.flatten(config.Compress())
    built = flatten.build(
        config.Compress, settings | {"lit_milestones": ["3", "7"]}
    )
    assert built.lit.milestones == (3, 7)


@pytest.mark.parametrize("milestones", [["a"], ["1.5"]])
def test_milestones_that_are_not_numbers_are_refused(milestones):
    settings = flatten.flatten(config.Compress())
    with pytest.raises(errors.SettingsError) as refusal:
        flatten.build(
            config.Compress, settings | {"lit_milestones": milestones}
        )
    assert str(refusal.value) == (
        "`lit_milestones` must be whole numbers, separated by commas. "
        f"Received: {milestones[0]}."
    )


def test_settings_of_an_earlier_version_get_their_current_names():
    old = {"alpha": 0.5, "no_fine_tune": True}
    assert flatten.current(old) == {"alpha": 0.5, "fine_tune": False}
    today = flatten.flatten(config.Compress())
    assert flatten.current(today) == today


@pytest.mark.parametrize("kind", [config.Compress, config.Teach])
def test_the_list_of_settings_has_the_names_and_defaults_of_a_config(kind):
    listed = {one.name: one for one in flatten.settings_of(kind)}
    assert flatten.flatten(kind()) == {
        name: one.default for name, one in listed.items()
    }
    assert all(one.help and "{" not in one.help for one in listed.values())


def test_the_identity_is_all_settings_except_the_session():
    built = flatten.build(config.Compress, all_changed())
    elsewhere = dataclasses.replace(built, session=config.Session())
    assert flatten.identity(built) == flatten.identity(elsewhere)
    session = flatten.flatten(built).keys() - flatten.identity(built).keys()
    assert session == {f.name for f in dataclasses.fields(config.Session)}


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, "--name"),
        (False, "--noname"),
        ((100, 150), "--name=100,150"),
        ((), "--name="),
        (1e-4, "--name=0.0001"),
        ("", "--name="),
    ],
)
def test_a_setting_is_written_as_a_flag(value, flag):
    assert flatten.to_flag("name", value) == flag


def test_a_compression_trains_its_teacher_with_its_own_settings():
    compression = flatten.build(
        config.Compress, all_changed() | {"overwrite": True}
    )
    teacher = flatten.flatten(
        config.teacher_settings(compression, workdir="w/teacher")
    )
    wanted = flatten.flatten(compression)
    differing = {k for k, v in teacher.items() if v != wanted[k]}
    assert differing == {"workdir", "overwrite"}
    assert (teacher["workdir"], teacher["overwrite"]) == ("w/teacher", False)


def test_a_run_of_an_earlier_version_keeps_what_it_computed_with():
    settings = config.Compress(compute=config.Compute(seed=3))
    recorded = flatten.flatten(settings)
    assert flatten.as_begun(settings, recorded) is settings
    del recorded["fast_layers"]
    kept = config.Compress(compute=config.Compute(seed=3, fast_layers=False))
    assert flatten.as_begun(settings, recorded) == kept
