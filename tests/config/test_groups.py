"""Groups of settings: the check of each setting, and its message."""

import dataclasses

import pytest

from lit_tf import config, errors
from lit_tf.config import flatten


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
            "`penalty` must be one of l1, l2, l2_normalized, smooth_l1. "
            "Received: penalty='l3'.",
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
            "`teacher_cache` must be one of off, memory, disk, auto. "
            "Received: teacher_cache='tape'.",
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
            config.Compute,
            {"steps_per_execution": 0},
            "`steps_per_execution` must be ≥ 1. Received: "
            "steps_per_execution=0.",
        ),
        (
            config.Compute,
            {"seed": 2**31},
            "`seed` must be in [0, 2³¹). Received: seed=2147483648.",
        ),
        (
            config.Compute,
            {"dtype": "float16"},
            "`dtype` must be one of float32, mixed_float16, mixed_bfloat16. "
            "Received: dtype='float16'.",
        ),
        (
            config.Compute,
            {"strategy": "tpu"},
            "`strategy` must be one of default, mirrored, multi_worker. "
            "Received: strategy='tpu'.",
        ),
        (
            config.Compute,
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
            "`min_teacher_accuracy` must be in [0, 1], or -1 for better than "
            "chance. Received: min_teacher_accuracy=91.0.",
        ),
        (
            config.Compress,
            {"export": "first"},
            "`export` must be one of best, last, closest. Received: "
            "export='first'.",
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
def test_a_value_that_is_not_allowed_is_refused(make, settings, message):
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


def test_the_bounds_of_a_closed_interval_are_allowed():
    config.Loss(alpha=0, beta=1)
    config.Loss(alpha=1, beta=0)
    config.Compress(min_teacher_accuracy=1)
    config.Data(validation_fraction=0, split_seed=2**31 - 1)


def test_a_setting_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.Loss().alpha = 0.5


def test_only_changed_options_are_passed_to_an_architecture():
    assert config.Architecture().options == {}
    assert config.Architecture(width=8).options == {"width": 8}
