"""The layout holds: imports go down, one wheel, no unformatted file."""

import ast
import graphlib
import importlib.util
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

import lit_tf

ROOT = pathlib.Path(__file__).parent.parent
# Lowest first. A package may import those before it and itself.
PACKAGES = (
    "errors",
    "config",
    "utils",
    "losses",
    "data",
    "layers",
    "sections",
    "models",
    "evaluation",
    "outputs",
    "teacher",
    "interop",
    "methods",
    "training",
    "experiment",
    "deployment",
    "one_call",
    "comparison",
    "tuning",
    "benchmark",
)
# Packages that must not need the libraries named beside them.
WITHOUT = {
    "lit_tf": ("lit_tf.flags", "lit_tf.launch", "absl"),
    "lit_tf/errors.py": ("tensorflow", "keras"),
    "lit_tf/config": ("tensorflow", "keras"),
    "lit_tf/utils": ("tensorflow", "keras"),
    "lit_tf/data": ("keras",),
    "lit_tf/comparison": ("tensorflow", "keras"),
    "lit_tf/tuning": ("tensorflow", "keras"),
    "flags": ("tensorflow", "keras", "lit_tf.launch", "lit_tf.experiment"),
    "launch": ("tensorflow", "keras"),
}
REGISTERED = re.compile(
    r'@keras.saving.register_keras_serializable\("lit_tf"\)\nclass (\w+)'
)


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _modules():
    """Yields every module of the library and its name inside `lit_tf`."""
    library = ROOT / "lit_tf"
    for path in library.rglob("*.py"):
        parts = path.relative_to(library).with_suffix("").parts
        if parts != ("__init__",):
            yield path, ".".join(parts).removesuffix(".__init__")


def _ours(path):
    """Returns the library's modules that a file imports."""
    known = {name for _, name in _modules()}
    return {
        found
        for name in _imports(path)
        if (found := name.removeprefix("lit_tf.")) in known
    }


@pytest.mark.parametrize("folder", WITHOUT)
def test_a_package_does_not_import_what_it_must_not_need(folder):
    place = ROOT / folder
    for path in place.rglob("*.py") if place.is_dir() else [place]:
        for name in _imports(path):
            assert not name.startswith(WITHOUT[folder]), f"{path}: {name}"


def test_an_import_goes_down_the_list_of_packages():
    for path, name in _modules():
        package = name.partition(".")[0]
        for other in _ours(path):
            above = PACKAGES.index(other.partition(".")[0])
            assert above <= PACKAGES.index(package), f"{name} imports {other}"


@pytest.mark.parametrize("folder", ("docs", "examples", "tools"))
def test_scripts_use_what_exists(folder):
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {}
        for node in ast.walk(tree):
            module = getattr(node, "module", None) or ""
            if module.partition(".")[0] != "lit_tf":
                continue
            for alias in node.names:
                name = f"{module}.{alias.name}"
                if importlib.util.find_spec(module).submodule_search_locations:
                    if importlib.util.find_spec(name):
                        modules[alias.name] = importlib.import_module(name)
                        continue
                found = importlib.import_module(module)
                assert hasattr(found, alias.name), f"{path}: {name}"
        for node in ast.walk(tree):
            module = getattr(getattr(node, "value", None), "id", None)
            if isinstance(node, ast.Attribute) and module in modules:
                name = f"{module}.{node.attr}"
                assert hasattr(modules[module], node.attr), f"{path}: {name}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: _ours(path) - {name} for path, name in _modules()}
    # A package's `__init__` is its table of contents: importing a module from
    # the package does not count as importing the table.
    graph = {
        name: {o for o in others if not name.startswith(f"{o}.")}
        for name, others in graph.items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_keras_finds_every_class_that_a_file_may_name():
    found = {
        name: f"lit_tf.{module}"
        for path, module in _modules()
        for name in REGISTERED.findall(path.read_text())
    }
    listed = {
        name: module
        for module, names in lit_tf._REGISTERED.items()
        for name in names
    }
    assert found.keys() == listed.keys()
    for name, module in found.items():
        assert module.startswith(listed[name])


def _calls(path):
    """Yields the names, such as `time.time`, and the calls of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _commands_and_library():
    for folder in ("lit_tf", "flags", "launch"):
        yield from (ROOT / folder).rglob("*.py")


def test_no_duration_depends_on_a_clock_that_may_be_set():
    for path in _commands_and_library():
        assert "time.time" not in {name for name, _ in _calls(path)}, path


def test_text_files_are_utf_8_in_every_locale():
    for path in _commands_and_library():
        for name, call in _calls(path):
            given = {keyword.arg for keyword in call.keywords}
            if name.endswith((".read_text", ".write_text")):
                ours = name == "atomic_files.write_text" or "logs" in name
                assert ours or "encoding" in given, f"{path}: {name}"


def test_the_wheel_has_one_top_level_package(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT, tree, ignore=shutil.ignore_patterns(".*", "docs", "runs", "build")
    )
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run(
        [sys.executable, "-c", build], cwd=tree, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"lit_tf-{lit_tf.__version__}-")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {n.partition("/")[0] for n in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"lit_tf"}
    assert "lit_tf/flags/recipes/quickstart.flags" in names
    assert "lit_tf/launch/compress.py" in names
    assert "lit_tf/py.typed" in names
    ours = {str(p.relative_to(ROOT)) for p in (ROOT / "lit_tf").rglob("*.py")}
    assert ours <= set(names)


def test_the_version_is_written_once_and_the_citation_agrees():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"] and "version" not in project
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {lit_tf.__version__}\n" in citation


EXACTNESS = ROOT / "docs" / "exactness.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_the_documents_name_exists():
    assert NAMED.search(EXACTNESS.read_text())
    for document in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for path, name in NAMED.findall(document.read_text()):
            code = (ROOT / path).read_text()
            assert f"\ndef {name}(" in code, f"{document.name}: {name}"


def test_the_differences_in_the_document_are_those_on_record():
    def short(number, form):
        return f"{number:{form}}".replace("e-0", "e-") if number else "0"

    record = ROOT / "docs" / "results" / "exactness" / "differences.json"
    seen, results = json.loads(record.read_text()), set()
    for line in EXACTNESS.read_text().splitlines():
        if NAMED.search(line):
            *_, tests, allowed, difference, _ = line.split("|")
            test = "::".join(NAMED.search(tests).groups())
            if test in seen:
                results.add(test)
                one = seen[test]
                assert allowed.split()[0] == short(one["bound"], ".0e"), test
                assert difference.strip() == short(one["difference"], ".1e")
            else:
                assert difference.strip() == "—", test
    assert results


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_ruff_has_nothing_to_say(command):
    ruff = [sys.executable, "-m", "ruff", *command, str(ROOT)]
    said = subprocess.run(ruff, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout


def test_no_two_files_of_tests_have_one_name():
    """Pytest imports them without packages, by their names alone."""
    names = [path.name for path in ROOT.glob("tests/**/*.py")]
    names = [name for name in names if name != "conftest.py"]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice
