"""Flags and recipes become a config.

Flags are global to a process, so that each question is asked in its own.
"""

import json
import pathlib
import subprocess
import sys

import pytest

from lit_tf import config, data, models
from lit_tf.config import flatten
from lit_tf.launch import command
from lit_tf.training import run_folder

_SHOW = """
import json
from lit_tf.flags import config as flags_config
from lit_tf.launch import command, {name}
from lit_tf import config
from lit_tf.config import flatten

def show(_):
    settings = flags_config.from_flags(config.{kind})
    print(json.dumps(flatten.flatten(settings)))

command.run(show, "", {name}.TOPICS)
"""
_SHOW_DATA = """
import json
from lit_tf.flags import config as flags_config
from lit_tf.launch import command, evaluate
from lit_tf.config import flatten

def show(_):
    where = flatten.flatten(flags_config.session())
    where = {name: where[name] for name in ("data_dir", "download")}
    print(json.dumps(flatten.flatten(flags_config.data()) | where))

command.run(show, "", evaluate.TOPICS)
"""
_RECIPES = """
import json
from absl import flags
from absl.testing import flagsaver
from lit_tf.flags import config as flags_config
from lit_tf.launch import command, compress
from lit_tf import config
from lit_tf.config import flatten

found = {}
for name in command.recipes():
    line = f"--recipe={name}"
    with flagsaver.flagsaver():
        flags.FLAGS(["lit-compress", *command._recipe([line]), line])
        settings = flags_config.from_flags(config.Compress)
        found[name] = flatten.flatten(settings)
print(json.dumps(found))
"""
_DEFINED = """
import json
from absl import flags
from lit_tf.launch import compress

print(json.dumps({
    flag.name: flag.help
    for topic in compress.TOPICS
    for flag in flags.FLAGS.get_key_flags_for_module(topic)
}))
"""


def answer(script, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parsed(*arguments):
    """Returns the flat settings of `lit-compress` with these arguments."""
    return answer(_SHOW.format(name="compress", kind="Compress"), *arguments)


@pytest.fixture(scope="module")
def experiments():
    """The flat settings of every recipe, by name."""
    return answer(_RECIPES)


def taught(*arguments):
    """Returns the flat settings of `lit-teach` with these arguments."""
    return answer(_SHOW.format(name="teach", kind="Teach"), *arguments)


def flattened(settings):
    """Returns the flat settings of a config, as JSON brings them back."""
    return json.loads(json.dumps(flatten.flatten(settings)))


def test_every_setting_is_a_flag_that_explains_itself():
    helps = answer(_DEFINED)
    settings = helps.keys() - {"recipe", "dry_run", "custom_objects"}
    assert settings == flatten.flatten(config.Compress()).keys()
    assert all(helps.values())


@pytest.mark.parametrize(
    ("show", "kind"), [(parsed, config.Compress), (taught, config.Teach)]
)
def test_without_flags_a_command_has_the_defaults(show, kind):
    folder = f"runs/{kind.__name__.lower()}"
    assert show("--seed=0") == flattened(kind()) | {"workdir": folder}


def test_every_setting_can_be_written_as_its_flag():
    wanted = flattened(config.Compress()) | {
        "alpha": 0.1 + 0.2,
        "attributes": ["Dark", "A name"],
        "exclusive": ["Trouser+Dress", "Dark+Light"],
        "download": True,
        "fine_tune_milestones": [2, 3],
        "lit_milestones": [],
        "lit_weight_decay": 1e-7,
        "seed": 2**31 - 1,
        "workdir": "a folder, with = in it",
    }
    assert parsed(*(flatten.to_flag(k, v) for k, v in wanted.items())) == wanted


def test_a_saved_model_is_evaluated_on_the_data_that_the_flags_say():
    wanted = flattened(config.Data()) | {
        "dataset": "celeba",
        "data_dir": "there",
        "download": True,
        "text_length": 70,
        "attributes": ["Male", "Young"],
        "exclusive": ["Male+Young"],
        "image_size": 64,
        "crop_size": 100,
        "validation_fraction": 0.25,
        "split_seed": 7,
    }
    arguments = (flatten.to_flag(k, v) for k, v in wanted.items())
    assert answer(_SHOW_DATA, "--model=m", *arguments) == wanted


def test_a_recipe_stands_under_the_command_line():
    recipe = parsed("--recipe=quickstart")
    for order in (1, -1):
        arguments = ["--recipe=quickstart", "--lit_epochs=99"][::order]
        assert parsed(*arguments) == recipe | {"lit_epochs": 99}
    assert recipe["lit_epochs"] not in (99, config.LIT.epochs)


def test_the_later_of_two_flags_wins():
    assert parsed("--alpha=0.1", "--alpha=0.2")["alpha"] == 0.2


def test_a_teacher_takes_from_a_recipe_what_concerns_it():
    whole = parsed("--recipe=quickstart")
    assert taught("--recipe=quickstart").items() <= whole.items()
    assert taught("--recipe=quickstart", "--model=resnet14") == (
        taught("--recipe=quickstart", "--teacher=resnet14")
    )


@pytest.mark.parametrize("recipe", command.recipes())
def test_a_recipe_is_an_experiment_that_can_be_run(recipe, experiments):
    settings = experiments[recipe]
    flatten.build(config.Compress, settings)
    assert settings["workdir"] == str(pathlib.Path("runs", recipe))
    models.get(settings["teacher"])
    models.get(settings["student"])
    data.source(settings["dataset"])


@pytest.mark.parametrize("recipe", command.recipes())
def test_a_recipe_holds_nothing_but_settings_and_remarks(recipe):
    # A command passes over flags that it does not know: a typing error too.
    lines = filter(None, map(str.strip, command.recipes()[recipe].split("\n")))
    flags = [line for line in lines if not line.startswith("#")]
    names = {flag.removeprefix("--").partition("=")[0] for flag in flags}
    assert names <= flatten.identity(config.Compress()).keys()
    assert len(names) == len(flags)


def test_a_run_folders_recipe_gives_its_settings_again(tmp_path):
    unlike = {"lit_milestones": (), "workdir": str(tmp_path), "beta": 0.25}
    settings = flatten.build(
        config.Compress, flatten.flatten(config.Compress()) | unlike
    )
    with run_folder.opened(settings):
        again = parsed(f"--flagfile={tmp_path / 'recipe.flags'}")
    assert again == flattened(settings) | {"workdir": "runs/compress"}


_FIGURES = """
import json
from lit_tf.launch import evaluate

told = {"fid": 0.5, "likeness": {"l1": 0.25}, "judged": {"features": "F"},
        "model": "m", "dataset": "d", "test_examples": 9}
print(json.dumps(list(evaluate._figures(told))))
"""


def test_every_figure_of_an_evaluation_is_printed_with_what_it_goes_by():
    assert answer(_FIGURES) == [
        ["fid", 0.5],
        ["likeness.l1", 0.25],
        ["judged.features", "F"],
    ]
