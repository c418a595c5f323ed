"""Settings: their checks, and their flat form."""

import dataclasses
import json

import pytest

from lit_tf import config, errors
from lit_tf.config import flatten, methods

# A second value of the settings that cannot be just anything.
OTHERS = {
    "flip": "on",
    "attributes": ("Dark", "Coat"),
    "exclusive": ("Trouser+Coat",),
    "image_size": 64,
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
    """Returns a value that a setting may have, other than the given one."""
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


# The method, and settings of methods other than the default one; and what
# makes the student, instead of its name. A connector excludes the cache.
OTHERWISE = (
    "method",
    "connector",
    *(f.name for f in dataclasses.fields(config.Baselines)),
    "compression",
    "keep",
)


def all_changed():
    """Returns flat settings of which none is the default, but for a few."""
    defaults = flatten.flatten(config.Compress())
    changed = {name: another(name, value) for name, value in defaults.items()}
    assert not changed.items() & defaults.items()
    return changed | {name: defaults[name] for name in OTHERWISE}


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (
            config.Data,
            {"validation_fraction": 1.0},
            "`validation_fraction` must be in [0, 1). Received: "
            "validation_fraction=1.0.",
        ),
        (
            config.Data,
            {"split_seed": -1},
            "`split_seed` must be in [0, 2³¹). Received: split_seed=-1.",
        ),
        (
            config.Data,
            {"text_length": 0},
            "`text_length` must be ≥ 1. Received: text_length=0.",
        ),
        (
            config.Data,
            {"attributes": ("Male", "Male")},
            "`attributes` must be names, without duplicates. Received: "
            "attributes=('Male', 'Male').",
        ),
        (
            config.Data,
            {"attributes": ("Male", "")},
            "`attributes` must be names, without duplicates. Received: "
            "attributes=('Male', '').",
        ),
        (
            config.Data,
            {"exclusive": ("Dress+Coat", "Dark")},
            "`exclusive` must be groups of two or more names, joined by +. "
            "Received: exclusive=('Dress+Coat', 'Dark').",
        ),
        (
            config.Data,
            {"exclusive": ("Dress+",)},
            "`exclusive` must be groups of two or more names, joined by +. "
            "Received: exclusive=('Dress+',).",
        ),
        (
            config.Data,
            {"exclusive": ("Dress+Coat", "Coat+Dark")},
            "`exclusive` must contain each attribute only once. Received: "
            "exclusive=('Dress+Coat', 'Coat+Dark').",
        ),
        (
            config.Data,
            {"image_size": 0},
            "`image_size` must be ≥ 1. Received: image_size=0.",
        ),
        (
            config.Data,
            {"crop_size": -1},
            "`crop_size` must be ≥ 0. Received: crop_size=-1.",
        ),
        (
            config.Loss,
            {"penalty": "l3"},
            "`penalty` must be one of l1, l2, smooth_l1. Received: "
            "penalty='l3'.",
        ),
        (
            config.Loss,
            {"alpha": -0.1},
            "`alpha` must be in [0, 1]. Received: alpha=-0.1.",
        ),
        (
            config.Loss,
            {"beta": 1.5},
            "`beta` must be in [0, 1]. Received: beta=1.5.",
        ),
        (
            config.Loss,
            {"temperature": 0},
            "`temperature` must be positive and finite. Received: "
            "temperature=0.",
        ),
        (
            config.Frozen,
            {"teacher_cache": "tape"},
            "`teacher_cache` must be one of off, memory, disk. Received: "
            "teacher_cache='tape'.",
        ),
        (
            config.Frozen,
            {"teacher_cache_views": 0},
            "`teacher_cache_views` must be ≥ 1. Received: "
            "teacher_cache_views=0.",
        ),
        (
            config.Frozen,
            {"teacher_dtype": "float64"},
            "`teacher_dtype` must be one of auto, float32, float16, bfloat16. "
            "Received: teacher_dtype='float64'.",
        ),
        (
            config.Compress,
            {"method": "lits"},
            "`method` must be one of lit, scratch, scratch_copied, kd, hint, "
            "multi_hint, born_again, network_slimming. Received: "
            "method='lits'.",
        ),
        (
            config.Compress,
            {"init": "random"},
            "`init` must be one of fresh, teacher_blocks. Received: "
            "init='random'.",
        ),
        (
            config.Loss,
            {"section_input": "both"},
            "`section_input` must be one of teacher, student, mixed. "
            "Received: section_input='both'.",
        ),
        (
            config.Baselines,
            {"generations": 0},
            "`generations` must be ≥ 1. Received: generations=0.",
        ),
        (
            config.Baselines,
            {"sparsity": -1.0},
            "`sparsity` must be ≥ 0 and finite. Received: sparsity=-1.0.",
        ),
        (
            config.Baselines,
            {"pruned_channels": 1.0},
            "`pruned_channels` must be in [0, 1). Received: "
            "pruned_channels=1.0.",
        ),
        (
            config.Run,
            {"steps_per_execution": 0},
            "`steps_per_execution` must be ≥ 1. Received: "
            "steps_per_execution=0.",
        ),
        (
            config.Run,
            {"seed": 2**31},
            "`seed` must be in [0, 2³¹). Received: seed=2147483648.",
        ),
        (
            config.Run,
            {"dtype": "float16"},
            "`dtype` must be one of float32, mixed_float16, mixed_bfloat16. "
            "Received: dtype='float16'.",
        ),
        (
            config.Run,
            {"strategy": "tpu"},
            "`strategy` must be one of default, mirrored, multi_worker. "
            "Received: strategy='tpu'.",
        ),
        (
            config.Run,
            {"jit_compile": "yes"},
            "`jit_compile` must be one of auto, on, off. Received: "
            "jit_compile='yes'.",
        ),
        (
            config.Session,
            {"checkpoint_minutes": -1.0},
            "`checkpoint_minutes` must be ≥ 0. Received: "
            "checkpoint_minutes=-1.0.",
        ),
        (
            config.Session,
            {"checkpoint_steps": -1},
            "`checkpoint_steps` must be ≥ 0. Received: checkpoint_steps=-1.",
        ),
        (
            config.Session,
            {"log_steps": -1},
            "`log_steps` must be ≥ 0. Received: log_steps=-1.",
        ),
        (
            config.Teach,
            {"teach": dataclasses.replace(config.TEACH, epochs=0)},
            "`teach_epochs` or `teach_steps` must be ≥ 1. Received: "
            "teach_epochs=0.",
        ),
        (
            config.Compress,
            {"min_teacher_accuracy": 91.0},
            "`min_teacher_accuracy` must be in [0, 1]. Received: "
            "min_teacher_accuracy=91.0.",
        ),
        (
            config.Compress,
            {"export": "first"},
            "`export` must be one of best, last. Received: export='first'.",
        ),
        (
            config.Compress,
            {"discriminator": "frozen"},
            "`discriminator` must be one of fixed, trained. Received: "
            "discriminator='frozen'.",
        ),
        (
            config.Architecture,
            {"width": -1},
            "`width` must be ≥ 1, or 0 for the architecture's own. Received: "
            "width=-1.",
        ),
        *(
            (
                config.Adversarial,
                {name: 0},
                f"`{name}` must be ≥ 1. Received: {name}=0.",
            )
            for name in (
                "discriminator_width",
                "discriminator_depth",
                "discriminator_steps",
            )
        ),
        *(
            (
                config.Adversarial,
                {name: value},
                f"`{name}` must be ≥ 0 and finite. Received: {name}={value}.",
            )
            for name in ("lambda_cls", "lambda_rec", "lambda_gp")
            for value in (-1.0, float("inf"))
        ),
        (
            config.Session,
            {"sample_steps": -1},
            "`sample_steps` must be ≥ 0. Received: sample_steps=-1.",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused(make, settings, message):
    with pytest.raises(errors.SettingsError) as refusal:
        make(**settings)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, value in flatten.flatten(config.Compress()).items()
        if isinstance(value, float)
    ],
)
def test_no_setting_may_be_nan(name):
    settings = flatten.flatten(config.Compress()) | {name: float("nan")}
    with pytest.raises(errors.SettingsError, match=f"`{name}` must be"):
        flatten.build(config.Compress, settings)


def test_the_ends_of_a_closed_interval_are_allowed():
    config.Loss(alpha=0, beta=1)
    config.Loss(alpha=1, beta=0)
    config.Compress(min_teacher_accuracy=1)
    config.Data(validation_fraction=0, split_seed=2**31 - 1)


def test_a_setting_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.Loss().alpha = 0.5


def test_an_architectures_width_is_its_own_unless_it_is_given():
    assert config.Architecture().options == {}
    assert config.Architecture(width=8).options == {"width": 8}


def test_build_is_the_inverse_of_flatten():
    changed = all_changed()
    built = flatten.build(config.Compress, changed)
    assert flatten.flatten(built) == changed
    assert flatten.build(config.Compress, flatten.flatten(built)) == built


def test_settings_are_the_same_again_out_of_json():
    built = flatten.build(config.Compress, all_changed())
    read = json.loads(json.dumps(flatten.flatten(built)))
    assert flatten.build(config.Compress, read) == built


def test_a_teachers_settings_are_some_of_a_compressions():
    changed = all_changed()
    taught = flatten.flatten(flatten.build(config.Teach, changed))
    assert taught.items() < changed.items()


@pytest.mark.parametrize(
    ("method", "name", "value", "takers"),
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
def test_a_setting_is_for_the_methods_that_know_it(method, name, value, takers):
    settings = flatten.flatten(config.Compress()) | {"method": method}
    flatten.build(config.Compress, settings)
    with pytest.raises(errors.SettingsError) as refusal:
        flatten.build(config.Compress, settings | {name: value})
    assert str(refusal.value) == (
        f"`{name}` is only for `method` {takers}, not for {method}. Received: "
        f"{name}={value!r}."
    )


def test_every_method_may_change_the_schedule_of_phase_fine_tune():
    for method in methods.names():
        config.Compress(
            method=method,
            fine_tune=dataclasses.replace(config.FINE_TUNE, batch_size=8),
        )


@pytest.mark.parametrize("section_input", ["teacher", "mixed"])
def test_what_is_not_kept_of_the_teacher_is_not_to_be_asked_for(section_input):
    loss = config.Loss(section_input=section_input)
    kept = config.Frozen(teacher_cache="memory")
    config.Compress(loss=loss, frozen=kept)
    config.Compress(loss=loss, copy_ends=False)
    own = config.Loss(section_input="student")
    config.Compress(loss=own, frozen=kept, copy_ends=False)
    with pytest.raises(errors.SettingsError) as refusal:
        config.Compress(loss=loss, frozen=kept, copy_ends=False)
    assert str(refusal.value) == (
        "`teacher_cache` does not store the output of the stem, which "
        "training needs when `copy_ends` is off. Turn `teacher_cache` off, or "
        "`copy_ends` on. Received: teacher_cache='memory'."
    )


def test_a_phase_is_named_where_its_setting_is_refused():
    settings = flatten.flatten(config.Compress()) | {"lit_momentum": 2.0}
    with pytest.raises(errors.SettingsError, match="`lit_momentum` must be"):
        flatten.build(config.Compress, settings)


def test_milestones_may_come_as_text():
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


def test_settings_of_an_earlier_version_get_the_names_of_today():
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


def test_the_identity_is_every_setting_but_the_session():
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


def test_a_teacher_is_taught_as_its_compression_says():
    compression = flatten.build(
        config.Compress, all_changed() | {"overwrite": True}
    )
    taught = flatten.flatten(
        config.teacher_settings(compression, workdir="w/teacher")
    )
    wanted = flatten.flatten(compression)
    differing = {k for k, v in taught.items() if v != wanted[k]}
    assert differing == {"workdir", "overwrite"}
    assert (taught["workdir"], taught["overwrite"]) == ("w/teacher", False)


def test_an_unknown_name_is_told_the_nearest():
    results = errors.unknown("model", "resnt20", ["vdcnn9", "resnet20"])
    assert results == (
        "Unknown model 'resnt20'. Known: vdcnn9, resnet20. The nearest is "
        "resnet20."
    )
