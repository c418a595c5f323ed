"""Start and end of every command: flags, error messages, exit codes."""

import atexit
import contextlib
import functools
import gc
import importlib
import importlib.resources
import os
import pathlib
import shlex
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from absl import app, flags, logging

import lit_tf
from lit_tf import errors
from lit_tf.flags import (
    arguments,
    commands,
    defaults,
    define,
    flag_files,
    help_text,
    papers,
    parse,
)
from lit_tf.utils import atomic_files, interruption, quiet

_SAVED = " What was saved is kept; the same command resumes from it."
# Keras walks through a graph by recursion, one level or more per layer.
_LEVELS = 100_000
# New objects after which Python searches for garbage. Those of a model and its
# graph stay, and with Python's default it would search while they are made.
_OBJECTS = 10_000


def run(main: Callable[..., object], name: str) -> None:
    """Parses the flags, runs a command and ends the process.

    Exit codes: 0 success; 2 flags or settings that are not allowed; 1 data,
    files or a loss that is not finite; 130 interrupted; 143 ended by SIGTERM.

    Args:
        main: the function of the command. It is called with the command line
            and, where the command takes arguments, with their list.
        name: the name of the command, a key of `commands.COMMANDS`.
    """
    logging.set_verbosity(logging.ERROR)
    _open_streams()
    command = commands.COMMANDS[name]
    define.define(command)

    def parse_flags(argv):
        kind = _help_kind(argv)
        if kind:
            full = kind == "helpfull"
            _answer(help_text.text(name, full=full, recipes=recipes()))
        if {"--version", "-version"} & set(argv[1:]):
            _answer(f"lit_tf {lit_tf.__version__}")
        if "workdir" in flags.FLAGS and not argv[1:]:
            _leave(
                name,
                "no flags were given. --help lists them; lit-compress "
                "--recipe=quickstart runs an example.",
                2,
            )
        try:
            flag_files.check(argv[1:])
            recipe = _recipe(argv[1:])
            _, *given = flags.FLAGS([name, *recipe, *argv[1:]])
            rest = arguments.assign(
                name, given, recipe=recipe, recipes=recipes()
            )
            defaults.apply(command.settings)
        except (flags.Error, OSError, ValueError) as error:
            _leave(name, error, 2)
        return [name, *rest]

    def guarded(rest):
        line = shlex.join([name, *sys.argv[1:]])
        try:
            _import_custom_objects()
            try:
                main(line, *([rest[1:]] if command.arguments else []))
            except Exception as error:
                interruption.repeat(error)
                raise
            sys.stdout.flush()
        except errors.ALL as error:
            _leave(name, error, error.exit_code)
        except BrokenPipeError:
            reason = "the program that reads the output has ended"
            _leave(name, f"{reason}.{_saved()}", 1)
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or ''}"
            _leave(name, f"{reason.rstrip(': ')}.{_saved()}", 1)

    def interrupted(error):
        reason, code = interruption.outcome(error)
        _print(name, f"{reason}{_saved()}")
        return code

    with interruption.raised(interrupted):
        try:
            app.run(guarded, argv=sys.argv, flags_parser=parse_flags)
        except KeyboardInterrupt as error:
            sys.exit(interrupted(error))
        finally:
            _drop_output()


def json_writer(path: str) -> Callable[[Any], None]:
    """Returns a function that writes results to a file, if one is named.

    Whether the file can be written is checked at once, before work that may
    take minutes.

    Args:
        path: the file; "" for none.
    """
    if not path:
        return lambda results: None
    atomic_files.check_writable(pathlib.Path(path))
    return functools.partial(atomic_files.write_json, pathlib.Path(path))


def load(module: str) -> ModuleType:
    """Imports a module of the library, and with it TensorFlow, silently.

    Call it once the flags are known to be valid: the import takes seconds.

    Args:
        module: the name of the module inside `lit_tf`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # The user may have set another backend for other programs.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    sys.setrecursionlimit(max(_LEVELS, sys.getrecursionlimit()))
    # TensorFlow's C++ code writes to it while it is imported, before Python
    # can set its log level.
    with quiet.stderr():
        loaded = importlib.import_module(f"lit_tf.{module}")
    # Otherwise the process spends seconds on searches for garbage among all
    # objects of TensorFlow, among those of a model while it is built, and at
    # exit among those of the run.
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)
    return loaded


def recipes() -> dict[str, str]:
    """Returns the flagfiles of the packaged experiments, by name.

    These are the files in `flags/recipes` and the paper's CIFAR experiments.
    """
    folder = importlib.resources.files("lit_tf.flags") / "recipes"
    files = {
        entry.name.removesuffix(".flags"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".flags")
    }
    return dict(sorted((files | papers.recipes()).items()))


def _import_custom_objects():
    """Imports the user's modules, which may register layers and methods."""
    modules = (
        parse.value("custom_objects") if "custom_objects" in flags.FLAGS else []
    )
    if not modules:
        return
    load("layers.model_io")  # TensorFlow first, so that it starts silently.
    # The first entry of a script's path is its own folder, not the current one.
    # The folder stays on the path: the stages of a method are imported later.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        for module in modules:
            importlib.import_module(module)
    except Exception as error:  # The user's code may raise anything.
        raise errors.SettingsError(
            f"--custom_objects={','.join(modules)} cannot be imported "
            f"({errors.line(error)})."
        ) from error


def _open_streams():
    """Makes standard input, output and errors usable.

    A file that is opened while one of them is closed would take its number, and
    TensorFlow's messages would end up in the file. A stream whose encoding
    lacks a character, such as an arrow, prints a question mark instead.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # It gets the lowest free number.
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _drop_output():
    """Drops what can no longer be printed, because its reader has ended.

    Python would print a traceback when the process ends.
    """
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())


def _recipe(arguments):
    """Returns the flags of the recipe in `arguments` that the command takes.

    A recipe describes a whole compression. A command that does a part of it
    takes only its own flags from the recipe.
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


def _help_kind(argv):
    """Returns which help the command line asks for; "" for none."""
    kinds = ("helpfull", "help", "helpshort", "h", "?")
    names = {argument.lstrip("-") for argument in argv[1:]}
    return next((kind for kind in kinds if kind in names), "")


def _saved():
    return _SAVED if "workdir" in flags.FLAGS else ""


def _answer(text):
    with contextlib.suppress(BrokenPipeError):  # As after `| head`.
        print(text, flush=True)
    sys.exit(0)


def _leave(name, error, code):
    _print(name, error)
    sys.exit(code)


def _print(name, error):
    with contextlib.suppress(OSError):  # The terminal may be closed.
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
