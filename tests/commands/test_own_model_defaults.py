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


def test_a_rate_changes_nothing_else():
    settings = parsed(*OWN, "--fine_tune_learning_rate=0.05")
    assert differing(settings) == {"fine_tune_learning_rate": 0.05}


def test_another_optimizer_has_the_rate_and_decay_of_the_paper():
    settings = parsed(*OWN, "--lit_optimizer=sgd")
    assert differing(settings) == {
        "lit_optimizer": "sgd",
        "lit_learning_rate": config.LIT.learning_rate,
        "lit_weight_decay": config.LIT.weight_decay,
    }


def test_another_fall_of_the_rate_replaces_the_cosine_decay():
    settings = parsed(*OWN, "--lit_milestones=4", "--lit_warmup_epochs=1")
    assert differing(settings) == {
        "lit_milestones": [4],
        "lit_cosine_decay": 0.0,
        "lit_warmup_epochs": 1,
        "lit_warmup": 0.0,
    }


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


def test_a_run_that_began_with_the_defaults_of_the_paper_keeps_them(tmp_path):
    rate = {"lit_learning_rate": 0.3}
    before = flatten.flatten(config.Compress()) | rate
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({"settings": before}))
    line = (*OWN, f"--workdir={tmp_path}")
    settings = parsed(*line, "--lit_learning_rate=0.3")
    assert settings["lit_epochs"] == config.LIT.epochs
    # Other settings are refused later, with what differs.
    settings = parsed(*line, "--lit_learning_rate=0.1")
    assert settings["lit_epochs"] == config.LIT.epochs


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
