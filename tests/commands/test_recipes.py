"""Recipes: sets of flags that become a config.

Flags are global to a process, so each test that parses them starts its own.
"""

import pathlib

import pytest
from parsed_flags import answer, flattened, parsed, teach_settings

from lit_tf import config, data, models
from lit_tf.config import flatten
from lit_tf.launch import command
from lit_tf.training import run_folder

_RECIPES = """
import json
from absl import flags
from absl.testing import flagsaver
from lit_tf.flags import commands, define, parse
from lit_tf.launch import command
from lit_tf import config
from lit_tf.config import flatten

define.define(commands.COMMANDS["lit-compress"])
settings = {}
for name in command.recipes():
    line = f"--recipe={name}"
    with flagsaver.flagsaver():
        flags.FLAGS(["lit-compress", *command._recipe([line]), line])
        settings[name] = flatten.flatten(parse.from_flags(config.Compress))
print(json.dumps(settings))
"""


@pytest.fixture(scope="module")
def experiments():
    """The flat settings of every recipe, by name."""
    return answer(_RECIPES)


def test_the_command_line_overrides_a_recipe():
    recipe = parsed("--recipe=quickstart")
    for order in (1, -1):
        arguments = ["--recipe=quickstart", "--lit_epochs=99"][::order]
        assert parsed(*arguments) == recipe | {"lit_epochs": 99}
    assert recipe["lit_epochs"] not in (99, config.LIT.epochs)


def test_lit_teach_takes_its_own_flags_from_a_recipe():
    whole = parsed("--recipe=quickstart")
    assert teach_settings("--recipe=quickstart").items() <= whole.items()
    assert teach_settings("--recipe=quickstart", "--model=resnet14") == (
        teach_settings("--recipe=quickstart", "--teacher=resnet14")
    )


@pytest.mark.parametrize("recipe", command.recipes())
def test_a_recipe_names_a_known_dataset_and_known_models(recipe, experiments):
    settings = experiments[recipe]
    flatten.build(config.Compress, settings)
    assert settings["workdir"] == str(pathlib.Path("runs", recipe))
    models.get(settings["teacher"])
    models.get(settings["student"])
    data.source(settings["dataset"])


@pytest.mark.parametrize("recipe", command.recipes())
def test_a_recipe_contains_only_settings_and_comments(recipe):
    # A command skips flags that it does not know, including misspelt ones.
    lines = filter(None, map(str.strip, command.recipes()[recipe].split("\n")))
    flags = [line for line in lines if not line.startswith("#")]
    names = {flag.removeprefix("--").partition("=")[0] for flag in flags}
    assert names <= flatten.identity(config.Compress()).keys()
    assert len(names) == len(flags)


def test_the_recipe_in_a_run_folder_restores_its_settings(tmp_path):
    unlike = {"lit_milestones": (), "workdir": str(tmp_path), "beta": 0.25}
    settings = flatten.build(
        config.Compress, flatten.flatten(config.Compress()) | unlike
    )
    with run_folder.opened(settings):
        again = parsed(f"--flagfile={tmp_path / 'recipe.flags'}")
    assert again == flattened(settings) | {"workdir": "runs/compress"}
