"""The defaults of flags for image translation."""

import json

import pytest
from parsed_flags import answer

from lit_tf import config, data
from lit_tf.config import flatten, generators

# Flags are global to a process: one process parses all lines.
_PARSE = """
import json, sys
from absl import flags
from absl.testing import flagsaver
from lit_tf import config
from lit_tf.flags import commands, defaults, define
from lit_tf.launch import command

define.define(commands.COMMANDS["lit-compress"])
parsed = []
for line in json.loads(sys.argv[1]):
    with flagsaver.flagsaver():
        flags.FLAGS(["lit-compress", *command._recipe(line), *line])
        defaults.apply(config.Compress)
        names = ("fine_tune", "discriminator", "export", "beta")
        parsed.append([flags.FLAGS[name].value for name in names])
print(json.dumps(parsed))
"""
CELEBA = "--dataset=celeba"
LIT_ALONE = [False, "trained", "closest", 0.0]
OF_THE_PAPER = [True, "fixed", "best", 0.75]
# Arguments → fine_tune, discriminator, export, beta.
LINES = {
    (CELEBA,): LIT_ALONE,
    ("--recipe=celeba_stargan",): LIT_ALONE,
    ("--recipe=fashion_cpu",): LIT_ALONE,
    ("--data_dir=images",): LIT_ALONE,
    (CELEBA, "--beta=0.5"): [False, "trained", "closest", 0.5],
    (CELEBA, "--fine_tune"): [True, "trained", "closest", 0.0],
    (CELEBA, "--nono_fine_tune"): [True, "trained", "closest", 0.0],
    (CELEBA, "--discriminator=fixed"): [True, "fixed", "closest", 0.0],
    ("--recipe=celeba_stargan", "--discriminator=fixed", "--export=last"): [
        *(True, "fixed", "last", 0.0)
    ],
    # Runs that began before these defaults.
    (CELEBA, "--workdir=before"): OF_THE_PAPER,
    (CELEBA, "--workdir=before", "--overwrite"): LIT_ALONE,
    (CELEBA, "--workdir=before", "--export=last"): [
        True,
        "fixed",
        "last",
        0.75,
    ],
    (CELEBA, "--workdir=refused"): LIT_ALONE,
    (CELEBA, "--workdir=damaged"): LIT_ALONE,
    # Classes.
    ("--dataset=digits",): OF_THE_PAPER,
    ("--seed=1",): OF_THE_PAPER,
}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """The four values of each line."""
    folder = tmp_path_factory.mktemp("defaults")
    (folder / "images").mkdir()
    (folder / "images" / generators.LISTING).touch()
    before = flatten.flatten(config.Compress())
    # As version 0.1 wrote it.
    before["no_fine_tune"] = not before.pop("fine_tune")
    text = json.dumps({"settings": before})
    for name in ("before", "refused", "damaged"):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(text)
    (folder / "before" / "checkpoints").mkdir()
    (folder / "damaged" / "checkpoints").mkdir()
    (folder / "damaged" / "config.json").write_text("[]")
    values = answer(_PARSE, json.dumps([*LINES]), cwd=folder)
    return dict(zip(LINES, values, strict=True))


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_flags_have_the_defaults_of_image_translation(parsed, line):
    assert parsed[line] == LINES[line]


def test_the_datasets_of_image_translation_are_those_with_its_task():
    translated = [k for k, v in data.DATASETS.items() if v.task == "images"]
    assert sorted(generators.DATASETS) == sorted(translated)
