"""The text of `--help` and `--helpfull`."""

import re
import textwrap
from collections.abc import Iterable, Iterator

from lit_tf.config import flatten
from lit_tf.config.setting import REQUIRED
from lit_tf.flags import commands

# A command with more flags shows only the common ones in --help.
_FEW = 40
_WIDTH = 80
_TYPES = {
    bool: "",
    int: "an integer",
    float: "a number",
    str: "",
    tuple[int, ...]: "integers, separated by commas",
    tuple[float, ...]: "numbers, separated by commas",
    tuple[str, ...]: "names, separated by commas",
}


def text(name: str, *, full: bool, recipes: Iterable[str] = ()) -> str:
    """Returns the help text of a command.

    Args:
        name: the name of the command.
        full: whether to list all flags. Otherwise a command with many flags
            lists only those that most runs need.
        recipes: the names of the recipes, listed if the command takes one.
    """
    command = commands.COMMANDS[name]
    topics = commands.flags_by_topic(command)
    count = sum(map(len, topics.values()))
    full = full or count <= _FEW
    lines = [
        *textwrap.wrap(f"{name}: {command.about}", _WIDTH),
        "",
        f"usage: {name} {_arguments(command)}[--flag=value ...]",
        "",
        "Examples:",
        *(line for one in command.examples for line in _example(one)),
    ]
    for title, listed in topics.items():
        shown = [one for one in listed if full or one.common]
        if shown:
            lines += ["", f"{title}:"]
            lines += [
                line for one in shown for line in _flag(one, command.aliases)
            ]
    if "recipe" in {one.name for listed in topics.values() for one in listed}:
        lines += ["", "Recipes:", *grouped(recipes)]
    lines += ["", "--flagfile=FILE reads flags from a file, one per line."]
    lines.append("--version prints the version of lit_tf.")
    if not full:
        lines.append(f"--helpfull lists all {count} flags.")
    return "\n".join(lines)


def grouped(names: Iterable[str]) -> Iterator[str]:
    """Yields lines of names; names that differ in a final number share one."""
    families = {}
    for name in names:
        family, number = re.fullmatch(r"(.*?)(\d*)", name).groups()
        families.setdefault(family, []).append(number)
    for family, numbers in families.items():
        first, *others = sorted(numbers, key=lambda n: int(n or 0))
        yield ", ".join([f"  {family}{first}", *(f"…{n}" for n in others)])


def _arguments(command):
    """Returns the arguments of a command in its usage line."""
    topics = commands.flags_by_topic(command).values()
    required = {
        one.name
        for listed in topics
        for one in listed
        if one.default is REQUIRED
    }
    shown = [
        f"{path.shown} " if path.flag in required else f"[{path.shown}] "
        for path in command.paths
    ]
    shown += [f"{command.arguments} ... "] if command.arguments else []
    return "".join(shown)


def _example(line):
    """Returns an example, continued after a backslash where it is long."""
    lines = textwrap.wrap(
        line,
        _WIDTH - 6,
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [f"  {one} \\" for one in lines[:-1]] + [f"  {lines[-1]}"]


def _flag(one, aliases):
    """Returns the lines of a flag: its name, help text, type and default."""
    facts = [", ".join(one.choices) if one.choices else _TYPES[one.type]]
    if one.default is REQUIRED:
        facts.append("required")
    elif one.default not in ("", ()) and "Default:" not in one.help:
        facts.append(f"default: {_written(one.default)}")
    facts += [f"or --{a}" for a, name in aliases.items() if name == one.name]
    about = "; ".join(filter(None, facts))
    negative = "[no]" if one.type is bool else ""
    return textwrap.wrap(
        f"--{negative}{one.name}: {one.help}{about and f' ({about})'}",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _written(default):
    if isinstance(default, bool):
        return "on" if default else "off"
    return flatten.to_flag("", default).partition("=")[2]
