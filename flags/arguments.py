"""Arguments that are not flags, such as the paths of a model and of data."""

import pathlib
import shlex
from collections.abc import Iterable, Sequence

from absl import flags

from lit_tf import errors
from lit_tf.config.setting import REQUIRED
from lit_tf.flags import commands

_ORDER = ("first", "second")


def assign(
    name: str,
    given: Sequence[str],
    *,
    recipe: Sequence[str] = (),
    recipes: Iterable[str] = (),
) -> list[str]:
    """Gives the arguments of a command line to the flags that they stand for.

    Args:
        name: the name of the command, whose flags are parsed.
        given: the arguments, in order, without the flags.
        recipe: the flags of the recipe, which the arguments override.
        recipes: the names of all recipes.

    Returns:
        The arguments that are left for the command to read.

    Raises:
        SettingsError: if there are too many arguments, one is not a path, its
            flag is set too, or something is missing.
    """
    command = commands.COMMANDS[name]
    count = len(command.paths)
    paths, rest = given[:count], list(given[count:])
    hint = _recipe_hint(name, given, recipes)
    if rest and not command.arguments:
        raise errors.SettingsError(_too_many(command, given) + hint)
    for order, path, text in zip(_ORDER, command.paths, paths, strict=False):
        if not pathlib.Path(text).exists():
            raise errors.SettingsError(
                f"The {order} argument must be the path of {path.about}. "
                f"Received: {text!r}, which does not exist.{hint or path.hint}"
            )
        _set(path, text, recipe)
    _check_required(name, command)
    if paths:
        _check_complete(name, command, paths)
    return rest


def _recipe_hint(name, given, recipes):
    known = [text for text in given if text in recipes]
    if not known or "recipe" not in flags.FLAGS:
        return ""
    return f" A recipe is named by a flag: {name} --recipe={known[0]}"


def _too_many(command, given):
    if not command.paths:
        return f"Pass flags only, each as --name=value. Received: {given[0]!r}."
    names = " and ".join(path.shown for path in command.paths)
    return (
        f"Pass no other arguments than {names}; flags are written as "
        f"--name=value. Received: {shlex.join(given)}."
    )


def _set(path, text, recipe):
    """Sets the flag of an argument, unless the command line sets it too."""
    flag = flags.FLAGS[path.flag]
    in_recipe = sum(line.startswith(f"--{path.flag}=") for line in recipe)
    if flag.present > in_recipe:
        raise errors.SettingsError(
            f"Pass {path.shown} either as an argument or as --{path.flag}, not "
            f"both. Received: {text} and --{path.flag}={flag.value}."
        )
    flag.parse(text)


def _check_required(name, command):
    """Refuses a command line without a flag that has no default."""
    known = zip(_ORDER, command.paths, strict=False)
    arguments = {path.flag: (order, path) for order, path in known}
    for listed in commands.flags_by_topic(command).values():
        for one in listed:
            if one.default is not REQUIRED or flags.FLAGS[one.name].present:
                continue
            if one.name not in arguments:
                raise errors.SettingsError(
                    f"--{one.name} is missing. Type {name} --help for what it "
                    "sets."
                )
            order, path = arguments[one.name]
            raise errors.SettingsError(
                f"{path.shown} is missing. Pass the path of {path.about}, as "
                f"the {order} argument or as --{one.name}. Type, for example: "
                f"{command.examples[0]}"
            )


def _check_complete(name, command, paths):
    """Refuses a command line with arguments that need further flags."""
    for need in command.needs:
        if not any(flags.FLAGS[flag].present for flag in need.flags):
            line = shlex.join([name, *paths, *need.example])
            raise errors.SettingsError(
                f"{need.missing} Type, for example: {line}"
            )
