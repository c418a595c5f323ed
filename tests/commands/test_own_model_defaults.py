"""The defaults of flags for a user's own model."""

import json

import pytest
from parsed_flags import all_parsed, parsed, tune_settings

from lit_tf import config
from lit_tf.config import flatten, own_model

OWN = ("--teacher_weights=model.keras", "--keep=1")


def differing(settings):
    """Returns the settings that are not those of an own model."""
    return {
        name: settings[name]
        for name, value in own_model.DEFAULTS.items()
        if settings[name]
        != (list(value) if isinstance(value, tuple) else value)
    }


def begun(folder, settings):
    """Makes a run folder of these settings."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"settings": settings}))


def test_a_model_in_a_file_has_defaults_of_its_own():
    assert differing(parsed(*OWN)) == {}


def test_flags_take_precedence_and_other_methods_keep_their_settings():
    settings = parsed(*OWN, "--method=scratch", "--lit_epochs=7")
    assert differing(settings) == {"lit_epochs": 7, "init": "fresh"}


# Flags of a phase → its settings that are not those of an own model; ... is the
# paper's.
DISPLACED = {
    ("learning_rate=0.3",): {"learning_rate": 0.3},
    ("optimizer=adamw",): {},
    ("optimizer=adam",): {"optimizer": "adam", "weight_decay": ...},
    ("optimizer=sgd",): {
        **{"optimizer": "sgd", "weight_decay": ..., "learning_rate": ...}
    },
    ("optimizer=sgd", "learning_rate=0.3"): {
        **{"optimizer": "sgd", "weight_decay": ..., "learning_rate": 0.3}
    },
    ("milestones=2",): {"milestones": [2], "cosine_decay": 0.0},
    ("milestones=",): {},
    ("linear_decay=1",): {"linear_decay": 1.0, "cosine_decay": 0.0},
    ("exponential_decay=0.1",): {"exponential_decay": 0.1, "cosine_decay": 0.0},
    ("warmup_steps=9",): {"warmup_steps": 9, "warmup": 0.0},
    ("warmup_epochs=1",): {"warmup_epochs": 1, "warmup": 0.0},
    ("warmup_epochs=0",): {},
    ("cosine_decay=0",): {"cosine_decay": 0.0},
}


@pytest.mark.parametrize("phase", ["lit", "fine_tune"])
def test_a_flag_changes_what_it_names_and_what_cannot_stay(phase):
    lines = [
        [*OWN, *(f"--{phase}_{flag}" for flag in passed)]
        for passed in DISPLACED
    ]
    of_the_paper = config.LIT if phase == "lit" else config.FINE_TUNE
    for settings, changed in zip(
        all_parsed(lines), DISPLACED.values(), strict=True
    ):
        assert differing(settings) == {
            f"{phase}_{name}": getattr(of_the_paper, name)
            if value is ...
            else value
            for name, value in changed.items()
        }


def test_a_recipe_keeps_the_settings_of_the_paper():
    settings = parsed("--recipe=quickstart", *OWN, "--student=resnet20")
    assert settings["lit_optimizer"] == "sgd"


def test_a_run_of_an_earlier_version_keeps_its_defaults(tmp_path):
    before = flatten.flatten(config.Compress()) | {"keep": [1]}
    del before["fresh_batch_norm"]
    (tmp_path / "config.json").write_text(json.dumps({"settings": before}))
    line = (*OWN, f"--workdir={tmp_path}")
    # It was refused before it began, so that nothing resumes.
    assert differing(parsed(*line)) == {}
    (tmp_path / "checkpoints").mkdir()
    assert parsed(*line)["lit_epochs"] == config.LIT.epochs
    assert differing(parsed(*line, "--overwrite")) == {}


def test_a_run_that_began_with_the_defaults_of_the_paper_keeps_them(tmp_path):
    passed = {"lit_learning_rate": 0.3, "lit_batch_size": 8, "keep": [1]}
    before = flatten.flatten(config.Compress()) | passed
    # As a run with --epochs=30 recorded it.
    scaled = {"lit_epochs": 18, "fine_tune_epochs": 12}
    begun(tmp_path / "epochs", before | scaled)
    begun(tmp_path / "run", before)
    rate, size = "--lit_learning_rate=0.3", "--lit_batch_size=8"
    run, epochs = (f"--workdir={tmp_path / name}" for name in ("run", "epochs"))
    same, without_size, long = all_parsed(
        [
            [*OWN, run, rate, size],
            [*OWN, run, rate],
            [*OWN, epochs, rate, size, "--epochs=30"],
        ]
    )
    assert same["lit_epochs"] == config.LIT.epochs
    # What was forgotten is all that is refused later.
    assert without_size["lit_epochs"] == config.LIT.epochs
    assert without_size["lit_batch_size"] == config.LIT.batch_size
    assert long["alpha"] == config.Loss.alpha


def test_a_run_of_another_kind_has_no_say(tmp_path):
    begun(tmp_path, flatten.flatten(config.Compress()))
    assert differing(parsed(*OWN, f"--workdir={tmp_path}")) == {}


def test_the_flags_of_version_0_1_repeat_its_run():
    old = set(own_model.DEFAULTS) - flatten.ADDED.keys()
    paper = flatten.flatten(config.Compress())
    line = [flatten.to_flag(name, paper[name]) for name in sorted(old)]
    settings = parsed(*OWN, *line)
    assert {k: settings[k] for k in own_model.DEFAULTS} == {
        k: list(v) if isinstance(v := paper[k], tuple) else v
        for k in own_model.DEFAULTS
    }


def test_a_search_does_not_take_the_defaults_of_another_commands_run(tmp_path):
    before = flatten.flatten(config.Compress()) | {"keep": [1]}
    del before["fresh_batch_norm"]
    run = tmp_path / "runs/compress"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"settings": before}))
    settings = tune_settings(*OWN, cwd=tmp_path)
    assert differing(settings) == {}
    assert settings["workdir"] == "runs/tune"
    run.rename(tmp_path / "runs/tune")
    settings = tune_settings(*OWN, cwd=tmp_path)
    assert settings["lit_epochs"] == config.LIT.epochs
