"""The defaults of flags for a user's own model."""

import json

from parsed_flags import parsed, tune_settings

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


def test_a_model_in_a_file_has_defaults_of_its_own():
    assert differing(parsed(*OWN)) == {}


def test_flags_take_precedence_and_other_methods_keep_their_settings():
    settings = parsed(*OWN, "--method=scratch", "--lit_epochs=7")
    assert differing(settings) == {"lit_epochs": 7, "init": "fresh"}


def test_a_line_that_sets_a_schedule_keeps_the_defaults_of_the_paper():
    settings = parsed(*OWN, "--fine_tune_learning_rate=0.05")
    assert settings["lit_optimizer"] == "sgd"
    assert settings["penalty"] == "l2"


def test_a_recipe_keeps_the_settings_of_the_paper():
    settings = parsed("--recipe=quickstart", *OWN, "--student=resnet20")
    assert settings["lit_optimizer"] == "sgd"


def test_a_run_of_an_earlier_version_keeps_its_defaults(tmp_path):
    before = flatten.flatten(config.Compress())
    del before["fresh_batch_norm"]
    (tmp_path / "config.json").write_text(json.dumps({"settings": before}))
    line = (*OWN, f"--workdir={tmp_path}")
    # It was refused before it began, so that nothing resumes.
    assert differing(parsed(*line)) == {}
    (tmp_path / "checkpoints").mkdir()
    assert parsed(*line)["lit_epochs"] == config.LIT.epochs
    assert differing(parsed(*line, "--overwrite")) == {}


def test_a_search_does_not_take_the_defaults_of_another_commands_run(tmp_path):
    before = flatten.flatten(config.Compress())
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
