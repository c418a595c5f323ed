"""Prints numbers about the import graph of a checkout of lit_tf.

    python tools/import_graph.py [CHECKOUT]

Reads source files only: nothing is imported, so that checkouts of different
layouts can be compared. Version 0.1 is commit f26eecc.

The lines of the output:

- modules at the top: the files `lit_tf/*.py` without `__init__.py`.
- packages: the folders `lit_tf/*/` with an `__init__.py`.
- modules in all: every `.py` file under `lit_tf/`.
- lines of order: the entries of the tuple in `tests/test_house.py` that says
  which module may import which (`LAYERS` in version 0.1, then `PACKAGES`).
- imports between modules: the pairs (importing module, imported module).
- modules imported under an alias: the imports of a module of lit_tf `as`
  another name, in `lit_tf/`, `flags/` and `launch/`.
- modules that import settings: the modules that `compress` reaches by imports
  and that import from the modules of the settings. The modules of the settings
  themselves do not count, here and below.
- modules that take the whole settings: the modules that `compress` reaches by
  imports and in which a function has a parameter, or a class a field, that is
  annotated with `Compress` or `Teach` or that is named `config` and has no
  annotation (`from_config` of Keras excepted).
- modules that take an object with the whole settings: likewise, with a
  parameter or field annotated with a class that has such a field.
"""

import argparse
import ast
import functools
import pathlib
from collections.abc import Iterator

_SETTINGS = ("Compress", "Teach")
_DEFINES_SETTINGS = (
    "lit_tf.choices",
    "lit_tf.config",
    "lit_tf.groups",
    "lit_tf.schedules",
)


class Graph:
    """The modules of a checkout and what they import from each other.

    Args:
        root: the folder of the checkout.
    """

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.trees = {
            _name(path, root): ast.parse(path.read_text(encoding="utf-8"))
            for path in sorted((root / "lit_tf").rglob("*.py"))
        }
        self.names = {
            module: dict(_imported(tree)) for module, tree in self.trees.items()
        }

    def imports(self, module: str) -> set[str]:
        """Returns the modules of lit_tf that a module imports."""
        found = set()
        for _, target in _imported(self.trees[module]):
            # `from lit_tf.x import name`: a module, or a name in module x.
            for name in (target, target.rpartition(".")[0]):
                if name in self.trees and name not in ("lit_tf", module):
                    found.add(name)
                    break
        return found

    def reached(self, start: str) -> set[str]:
        """Returns the modules that a module imports, directly or not."""
        found, waiting = set(), [start]
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting += self.imports(module)
        return found

    def aliases(self) -> int:
        """Returns how often a module of lit_tf is imported under an alias."""
        count = 0
        for folder in ("lit_tf", "flags", "launch"):
            for path in (self.root / folder).rglob("*.py"):
                for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        source = getattr(node, "module", None)
                        count += sum(
                            self._is_module(source, alias.name)
                            and alias.asname not in (None, alias.name)
                            for alias in node.names
                        )
        return count

    def lines_of_order(self) -> int:
        """Returns the number of entries of the order in test_house.py."""
        tree = ast.parse((self.root / "tests/test_house.py").read_text("utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(
                node.value, ast.Tuple
            ):
                if node.targets[0].id in ("LAYERS", "PACKAGES"):
                    return len(node.value.elts)
        raise SystemExit("tests/test_house.py has no LAYERS and no PACKAGES.")

    def importers(self) -> set[str]:
        """Returns the modules that import settings."""
        return {
            module
            for module in self._on_the_way()
            if any(map(_defines_settings, self.imports(module)))
        }

    def takers(self) -> set[str]:
        """Returns the modules that take the whole settings."""
        return {
            module
            for module in self._on_the_way()
            if any(
                name == "config"
                if annotation is None
                else any(map(_is_settings, self._annotated(module, annotation)))
                for name, annotation in _parameters(self.trees[module])
            )
        }

    def carrier_takers(self) -> set[str]:
        """Returns the modules that take an object with the whole settings."""
        return {
            module
            for module in self._on_the_way()
            if any(
                annotation is not None
                and self._annotated(module, annotation) & self._carriers
                for _, annotation in _parameters(self.trees[module])
            )
        }

    def _on_the_way(self):
        entry = "lit_tf.experiment"
        if "lit_tf.experiment.run" in self.trees:
            entry = "lit_tf.experiment.run"
        return {
            module
            for module in self.reached(entry)
            if not _defines_settings(module)
        }

    @functools.cached_property
    def _carriers(self):
        """The classes with a field or a constructor's parameter of settings."""
        return {
            f"{module}.{node.name}"
            for module, tree in self.trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and not _defines_settings(module)
            for _, annotation in (*_fields(node), *_constructor(node))
            if annotation is not None
            and any(map(_is_settings, self._annotated(module, annotation)))
        }

    def _annotated(self, module, annotation):
        """Returns the full names in an annotation, such as `a | b.C`."""
        if isinstance(annotation, ast.Constant):
            if not isinstance(annotation.value, str):
                return set()
            annotation = ast.parse(annotation.value, mode="eval").body
        return {
            self._resolved(module, ast.unparse(node))
            for node in ast.walk(annotation)
            if isinstance(node, ast.Name | ast.Attribute)
        }

    def _resolved(self, module, name):
        first, _, rest = name.partition(".")
        full = self.names[module].get(first, f"{module}.{first}")
        full = f"{full}.{rest}" if rest else full
        # A package may import the class from one of its modules.
        home, _, last = full.rpartition(".")
        if home != module and last in self.names.get(home, {}):
            return self._resolved(home, last)
        return full

    def _is_module(self, source, name):
        full = f"{source}.{name}" if source else name
        full = full.replace("lit_tf.flags", "flags")
        full = full.replace("lit_tf.launch", "launch")
        path = self.root / full.replace(".", "/")
        return full.startswith(("lit_tf", "flags", "launch")) and (
            path.is_dir() or path.with_suffix(".py").is_file()
        )


def _is_settings(name):
    module, _, last = name.rpartition(".")
    return last in _SETTINGS and _defines_settings(module)


def _defines_settings(module):
    return f"{module}.".startswith(tuple(f"{n}." for n in _DEFINES_SETTINGS))


def _name(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _imported(tree) -> Iterator[tuple[str, str]]:
    """Yields (name in this file, full name) of what a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` defines the name a, but imports a.b too.
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _parameters(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "from_config":
            yield from _arguments(node)
        elif isinstance(node, ast.ClassDef):
            yield from _fields(node)


def _arguments(function):
    arguments = function.args
    for one in (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
    ):
        yield one.arg, one.annotation


def _fields(node):
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(
            line.target, ast.Name
        ):
            yield line.target.id, line.annotation


def _constructor(node):
    for line in node.body:
        if isinstance(line, ast.FunctionDef) and line.name == "__init__":
            yield from _arguments(line)


def main() -> None:
    """Prints the numbers of a checkout."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", nargs="?", default=".", type=pathlib.Path)
    parser.add_argument(
        "--names", action="store_true", help="also print the modules' names"
    )
    options = parser.parse_args()
    graph = Graph(options.checkout)
    takers, carrier_takers = graph.takers(), graph.carrier_takers()
    library = options.checkout / "lit_tf"
    numbers = {
        "modules at the top": len([*library.glob("*.py")]) - 1,
        "packages": len([*library.glob("*/__init__.py")]),
        "modules in all": len(graph.trees),
        "lines of order": graph.lines_of_order(),
        "imports between modules": sum(
            len(graph.imports(module)) for module in graph.trees
        ),
        "modules imported under an alias": graph.aliases(),
        "modules that import settings": len(graph.importers()),
        "modules that take the whole settings": len(takers),
        "modules that take an object with the whole settings": len(
            carrier_takers
        ),
    }
    for name, number in numbers.items():
        print(f"{name:<52}{number:>5}")
    if options.names:
        print("\ntake the whole settings:", *sorted(takers), sep="\n  ")
        print(
            "\ntake an object with them:", *sorted(carrier_takers), sep="\n  "
        )


if __name__ == "__main__":
    main()
