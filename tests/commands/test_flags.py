"""Flags and recipes become a config.

Flags are global to a process, so each test that parses them starts its own.
"""

import subprocess
import sys

import pytest
from parsed_flags import SHOW, answer, flattened, parsed, teach_settings

from lit_tf import config
from lit_tf.config import flatten
from lit_tf.flags import commands

_SHOW_DATA = """
import json
from lit_tf.flags import parse
from lit_tf.launch import command
from lit_tf.config import flatten

def show(_):
    session = flatten.flatten(parse.session())
    session = {name: session[name] for name in ("data_dir", "download")}
    print(json.dumps(flatten.flatten(parse.data()) | session))

command.run(show, "lit-evaluate")
"""


def flags_of(name):
    """Returns the flags of a command as a list of settings."""
    topics = commands.flags_by_topic(commands.COMMANDS[name])
    return [one for listed in topics.values() for one in listed]


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_flag_of_a_command_has_a_help_text_and_is_defined_once(name):
    flags = flags_of(name)
    assert all(one.help for one in flags)
    assert len({one.name for one in flags}) == len(flags)


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_flag_of_a_command_is_listed_in_a_topic(name):
    assert "Other" not in commands.flags_by_topic(commands.COMMANDS[name])


@pytest.mark.parametrize("name", ["lit-evaluate", "lit-export"])
def test_commands_that_do_not_train_take_no_augmentation_of_training_alone(
    name,
):
    names = {one.name for one in flags_of(name)}
    assert not names & set(vars(config.Augmentation()))
    assert {"pad", "flip"} <= names  # As in version 0.1.


@pytest.mark.parametrize(
    ("name", "kind"),
    [("lit-compress", config.Compress), ("lit-teach", config.Teach)],
)
def test_every_setting_of_a_run_is_a_flag(name, kind):
    options = {"recipe", "dry_run", "custom_objects"}
    names = {one.name for one in flags_of(name)} - options
    assert names == flatten.flatten(kind()).keys()


@pytest.mark.parametrize(
    ("show", "kind"),
    [(parsed, config.Compress), (teach_settings, config.Teach)],
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


def test_a_saved_model_is_evaluated_on_the_data_of_the_flags():
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
    of_training = {"length_buckets", *vars(config.Augmentation())}
    arguments = (
        flatten.to_flag(name, value)
        for name, value in wanted.items()
        if name not in of_training
    )
    assert answer(_SHOW_DATA, "--model=m", *arguments) == wanted


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--no_fine_tune"], False),
        (["--nono_fine_tune"], True),
        (["--no_fine_tune=true"], False),
        (["--nofine_tune"], False),
        (["--fine_tune"], True),
        (["--no_fine_tune", "--fine_tune"], True),
        (["--fine_tune", "--no_fine_tune"], False),
    ],
)
def test_the_old_name_of_a_flag_sets_the_new_one(arguments, value):
    assert parsed("--seed=0", *arguments)["fine_tune"] == value


def test_a_flagfile_may_use_the_old_name_of_a_flag(tmp_path):
    path = tmp_path / "old.flags"
    path.write_text("--no_fine_tune\n--lit_epochs=7\n--lit_milestones=\n")
    settings = parsed(f"--flagfile={path}")
    assert (settings["fine_tune"], settings["lit_epochs"]) == (False, 7)


def test_a_module_of_your_own_may_register_a_method(tmp_path):
    (tmp_path / "my_method.py").write_text(
        "from lit_tf.config import method_table\n"
        "method_table.register(method_table.Method(\n"
        "    name='mine', about='a test',\n"
        "    stages='my_method:stages', ends='new, trained'))\n"
    )
    settings = answer(
        SHOW.format(name="lit-compress"),
        "--custom_objects=my_method",
        "--method=mine",
        cwd=tmp_path,
    )
    assert settings["method"] == "mine"


_LOAD_STAGES = """
from lit_tf.config import method_table
from lit_tf.flags import parse
from lit_tf.launch import command

command.load = lambda module: None  # TensorFlow is not needed here.
command.run(
    lambda _: print(method_table.get(parse.value("method")).load()(None)),
    "lit-compress",
)
"""


def test_the_stages_of_a_method_may_be_in_another_module_of_the_folder(
    tmp_path,
):
    (tmp_path / "my_method.py").write_text(
        "from lit_tf.config import method_table\n"
        "method_table.register(method_table.Method(\n"
        "    name='mine', about='a test',\n"
        "    stages='my_stages:stages', ends='new, trained'))\n"
    )
    (tmp_path / "my_stages.py").write_text("def stages(pair):\n    return 7\n")
    script = tmp_path / "scripts" / "compress.py"
    script.parent.mkdir()
    script.write_text(_LOAD_STAGES)
    done = subprocess.run(
        # The first entry of the path is the folder of the script.
        [
            sys.executable,
            str(script),
            "--custom_objects=my_method",
            "--method=mine",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


def test_arguments_are_the_model_and_the_data(tmp_path):
    (tmp_path / "my model.keras").touch()
    (tmp_path / "my_images").mkdir()
    script = SHOW.format(name="lit-compress")
    paths = ["my model.keras", "my_images"]
    flags = ["--teacher_weights=my model.keras", "--data_dir=my_images"]
    by_name = answer(script, *flags, "--compression=2", cwd=tmp_path)
    for line in (
        [*paths, "--compression=2"],
        ["--compression=2", *paths],
        [paths[0], flags[1], "--compression=2"],
        [flags[0], flags[1], "--compression", "2"],
    ):
        assert answer(script, *line, cwd=tmp_path) == by_name
    # Arguments take precedence over a recipe, which names a teacher here.
    chain = answer(
        script, "--recipe=amazon_full_chain_to_vdcnn9", *paths, cwd=tmp_path
    )
    assert chain["teacher_weights"] == paths[0]


def test_the_later_of_two_flags_wins():
    assert parsed("--alpha=0.1", "--alpha=0.2")["alpha"] == 0.2


_FIGURES = """
import json
from lit_tf.launch import evaluate

results = {
    "fid": 0.5, "likeness": {"l1": 0.25}, "judged": {"features": "F"},
    "model": "m", "dataset": "d", "test_examples": 9,
}
print(json.dumps(list(evaluate._figures(results))))
"""


def test_nested_results_of_an_evaluation_are_printed_with_dotted_names():
    assert answer(_FIGURES) == [
        ["fid", 0.5],
        ["likeness.l1", 0.25],
        ["judged.features", "F"],
    ]
