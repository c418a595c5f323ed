"""Settings that a command makes of its flags, in a process of its own."""

import json
import subprocess
import sys

from lit_tf.config import flatten

SHOW = """
import json
from lit_tf.flags import commands, parse
from lit_tf.launch import command
from lit_tf.config import flatten

def show(_):
    settings = parse.from_flags(commands.COMMANDS["{name}"].settings)
    print(json.dumps(flatten.flatten(settings)))

command.run(show, "{name}")
"""

# Flags are global to a process, but can be put back.
ALL = """
import json, sys
from absl import flags
from absl.testing import flagsaver
from lit_tf.flags import commands, defaults, define, parse
from lit_tf.config import flatten

command = commands.COMMANDS["lit-compress"]
define.define(command)
parsed = []
for line in json.loads(sys.argv[1]):
    with flagsaver.flagsaver():
        flags.FLAGS(["lit-compress", *line])
        defaults.apply(command.settings)
        settings = parse.from_flags(command.settings)
        parsed.append(flatten.flatten(settings))
print(json.dumps(parsed))
"""


def answer(script, *arguments, cwd=None):
    """Runs a script in its own process and returns the JSON it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parsed(*arguments):
    """Returns the flat settings of `lit-compress` with these arguments."""
    return answer(SHOW.format(name="lit-compress"), *arguments)


def all_parsed(lines):
    """Returns the flat settings of `lit-compress` for each line."""
    return answer(ALL, json.dumps(lines))


def tune_settings(*arguments, cwd):
    """Returns the flat settings of `lit-tune` with these arguments."""
    return answer(SHOW.format(name="lit-tune"), *arguments, cwd=cwd)


def teach_settings(*arguments):
    """Returns the flat settings of `lit-teach` with these arguments."""
    return answer(SHOW.format(name="lit-teach"), *arguments)


def flattened(settings):
    """Returns the flat settings of a config, as JSON brings them back."""
    return json.loads(json.dumps(flatten.flatten(settings)))
