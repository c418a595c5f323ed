"""How every command starts and ends: flags in, one sentence and a code out."""

import atexit
import contextlib
import gc
import importlib
import importlib.resources
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from absl import app, flags, logging

from lit_tf import errors
from lit_tf.flags import papers

_KEPT = " What was saved before is kept, and the same command goes on from it."
# Keras walks through a graph by recursion, a level or more a layer.
_LEVELS = 100_000


def run(
    main: Callable[..., object], about: str, topics: Sequence, takes: str = ""
) -> None:
    """Parses the flags, runs a command and ends the process.

    Exit codes: 0 all went well; 2 flags or settings that cannot be; 1 data,
    files or a loss that stopped being finite; 130 interrupted.

    Args:
        main: the command, a function of the command line as it was given and,
            of one that takes some, of the arguments that are no flags.
        about: what the command does, one sentence.
        topics: the modules that define its flags.
        takes: what arguments it takes beside flags; "" for none.
    """
    logging.set_verbosity(logging.ERROR)
    # `import_.py` is of lit-import: a module cannot bear a keyword's name.
    name = pathlib.Path(sys.argv[0]).stem.rstrip("_").replace("_", "-")
    if not name.startswith("lit-"):  # python -m lit_tf.launch.NAME
        name = f"lit-{name}"

    def parse(argv):
        if _asks_for_help(argv):
            print(_help(name, about, topics, takes))
            sys.exit(0)
        if "workdir" in flags.FLAGS and not argv[1:]:
            _leave(
                name,
                "say what to do: --help lists the flags, and "
                "lit-compress --recipe=quickstart is a start.",
                2,
            )
        try:
            rest = flags.FLAGS([name, *_recipe(argv[1:]), *argv[1:]])
            if len(rest) > 1 and not takes:
                raise errors.SettingsError(
                    f"Flags only, each as --name=value. Received: {rest[1]!r}."
                )
        except (flags.Error, OSError, ValueError) as error:
            _leave(name, error, 2)
        return rest

    def guarded(rest):
        line = shlex.join([name, *sys.argv[1:]])
        try:
            main(line, *([rest[1:]] if takes else []))
        except errors.ALL as error:
            _leave(name, error, error.exit_code)
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or ''}"
            _leave(name, f"{reason.rstrip(': ')}.{_kept()}", 1)
        except KeyboardInterrupt:
            _leave(name, f"interrupted.{_kept()}", 130)

    app.run(guarded, argv=sys.argv, flags_parser=parse)


def load(module: str) -> ModuleType:
    """Imports a module of ours, and with it TensorFlow, without its noise.

    A command calls it when its flags are known to be good: it takes seconds.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.setrecursionlimit(max(_LEVELS, sys.getrecursionlimit()))
    with _silence():
        loaded = importlib.import_module(f"lit_tf.{module}")
    # Else the process spends a second in the end to look for garbage among all
    # that TensorFlow is.
    atexit.register(gc.freeze)
    if "custom_objects" in flags.FLAGS:
        _bring(flags.FLAGS["custom_objects"].value)
    return loaded


def recipes() -> dict[str, str]:
    """Returns the packaged experiments, flagfiles by name.

    They are files, and the paper's tables of CIFAR.
    """
    folder = importlib.resources.files("lit_tf.flags") / "recipes"
    files = {
        entry.name.removesuffix(".flags"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".flags")
    }
    return dict(sorted((files | papers.recipes()).items()))


def _bring(modules):
    # A script's first place to look is its own folder, not the present one.
    sys.path.insert(0, os.getcwd())
    try:
        for module in modules:
            importlib.import_module(module)
    except Exception as error:  # Whatever somebody's code provokes.
        raise errors.SettingsError(
            f"--custom_objects={','.join(modules)} cannot be imported "
            f"({errors.line(error)})."
        ) from error
    finally:
        sys.path.pop(0)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    # TensorFlow's C++ side greets on file descriptor 2, whatever its log level
    # is, before Python could ask it not to.
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _recipe(arguments):
    """Returns the flags of the recipe that is asked for, those known here.

    A recipe describes a whole compression, so that a command that does a part
    of it takes what concerns it.
    """
    name = ""
    for i, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag in ("--recipe", "-recipe"):
            name = value if equals else "".join(arguments[i + 1 : i + 2])
    if not name:
        return []
    known = recipes()
    if name not in known:
        raise errors.SettingsError(errors.unknown("recipe", name, known))
    lines = (line.strip() for line in known[name].splitlines())
    return [
        line
        for line in lines
        if line.startswith("--") and _flag_name(line) in flags.FLAGS
    ]


def _flag_name(line):
    name = line.removeprefix("--").partition("=")[0]
    return name if name in flags.FLAGS else name.removeprefix("no")


def _asks_for_help(argv):
    helps = ("help", "helpfull", "helpshort", "h", "?")
    return any(argument.lstrip("-") in helps for argument in argv[1:])


def _help(name, about, topics, takes):
    usage = f"usage: {name} [--flag=value ...]{takes and f' {takes} ...'}"
    parts = [f"{name}: {about}", "", usage, ""]
    parts += [flags.FLAGS.module_help(topic) for topic in topics]
    if "recipe" in flags.FLAGS:
        parts += ["Recipes:", *_listed(recipes()), ""]
    parts.append("Also --flagfile=FILE: flags from a file, one a line.")
    return "\n".join(parts)


def _listed(names):
    """Returns lines of names; those that differ in a last number share one."""
    families = {}
    for name in names:
        family, number = re.fullmatch(r"(.*?)(\d*)", name).groups()
        families.setdefault(family, []).append(number)
    for family, numbers in families.items():
        first, *others = sorted(numbers, key=lambda n: int(n or 0))
        yield ", ".join([f"  {family}{first}", *(f"…{n}" for n in others)])


def _kept():
    return _KEPT if "workdir" in flags.FLAGS else ""


def _leave(name, error, code):
    print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(code)
