"""The house stands: imports run one way, one package, nothing unformatted."""

import ast
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent
# Who may not import whom: what is below knows nothing of what is above.
FORBIDDEN = {
    "lit_tf": ("lit_tf.flags", "lit_tf.launch", "absl"),
    "lit_tf/models": ("lit_tf.data", "lit_tf.experiment", "lit_tf.lit"),
    "lit_tf/data": ("lit_tf.models", "lit_tf.experiment", "keras"),
    "lit_tf/comparison": ("tensorflow", "keras", "lit_tf.sectioned"),
    "flags": ("tensorflow", "keras", "lit_tf.launch", "lit_tf.experiment"),
    "launch": ("tensorflow", "keras"),
}
# Each may import those to its right, never those to its left.
LAYERS = (
    ("comparison.gather",),
    ("comparison.pages", "comparison.figures"),
    ("comparison.significance",),
    ("comparison.rows",),
    ("comparison.runs",),
    ("benchmark.run",),
    ("benchmark.memory", "benchmark.profile"),
    ("benchmark.pieces",),
    ("benchmark.bench", "benchmark.peer"),
    ("tuning.search",),
    ("tuning.runners",),
    ("tuning.processes", "tuning.pruning", "tuning.record", "tuning.hparams"),
    ("tuning.stages",),
    ("tuning.trials",),
    ("experiment", "rehearsal", "importing"),
    ("assemble",),
    ("saved",),
    ("tasks",),
    ("tasks.classes", "tasks.images"),
    ("phases", "samples"),
    ("callbacks", "readings"),
    ("methods",),
    ("lit", "distill", "teach", "hint", "slimming", "gan", "budgets"),
    ("devices",),
    ("workers",),
    ("cache",),
    ("checkpoints", "answers"),
    ("trainer", "proof", "judging"),
    ("logs", "outputs", "report"),
    ("outputs.images", "outputs.labelled", "outputs.several"),
    ("outputs.kind",),
    ("students",),
    ("plans", "pairs", "teacher", "connectors", "export"),
    ("splits", "blocks"),
    ("fronts", "features", "optimizers"),
    ("workdir",),
    ("adversarial",),
    ("penalties", "softmax", "normalizations"),
    ("losses",),
    ("sectioned", "graphs"),
    ("layers", "transfer"),
    (
        "layers.batch_norm",
        "layers.ends",
        "layers.grouped_conv",
        "layers.shapes",
    ),
    ("flat", "stores", "plots", "benchmark.settings", "tuning.settings"),
    ("config",),
    ("schedules",),
    ("groups", "files", "weights", "characters"),
    ("choices",),
    ("frechet", "inception_score", "likeness"),
    ("measure", "progress"),
    ("errors", "formats", "published"),
)


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_a_room_imports_nothing_from_the_rooms_above(folder):
    for path in (ROOT / folder).rglob("*.py"):
        for name in _imports(path):
            assert not name.startswith(FORBIDDEN[folder]), f"{path}: {name}"


def test_imports_run_one_way():
    for depth, names in enumerate(LAYERS):
        above = {f"lit_tf.{m}" for layer in LAYERS[:depth] for m in layer}
        for name in names:
            path = ROOT / "lit_tf" / name.replace(".", "/")
            file = path / "__init__.py" if path.is_dir() else f"{path}.py"
            found = set(_imports(pathlib.Path(file)))
            assert not found & above, f"{name} imports {found & above}"


def test_every_module_has_its_place():
    named = {name for layer in LAYERS for name in layer}
    for path in (ROOT / "lit_tf").rglob("*.py"):
        parts = path.relative_to(ROOT / "lit_tf").with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        # Two packages are rooms of their own, and three hold but a word.
        word = "(benchmark|comparison|tuning)$"
        if not re.match(f"data|models|__init__|{word}", name):
            assert name in named, f"{name} is in none of LAYERS"


def test_tensorflow_is_not_needed_to_know_the_settings():
    settings = ("config", "groups", "schedules", "flat", "errors", "files")
    for name in (*settings, "weights"):
        found = set(_imports(ROOT / "lit_tf" / f"{name}.py"))
        assert not found & {"tensorflow", "keras"}


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
    names = zipfile.ZipFile(wheel).namelist()
    tops = {n.partition("/")[0] for n in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"lit_tf"}
    assert "lit_tf/flags/recipes/quickstart.flags" in names
    assert "lit_tf/launch/compress.py" in names
    ours = {str(p.relative_to(ROOT)) for p in (ROOT / "lit_tf").rglob("*.py")}
    assert ours <= set(names)


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
    seen, told = json.loads(record.read_text()), set()
    for line in EXACTNESS.read_text().splitlines():
        if NAMED.search(line):
            *_, tests, allowed, difference, _ = line.split("|")
            test = "::".join(NAMED.search(tests).groups())
            if test in seen:
                told.add(test)
                one = seen[test]
                assert allowed.split()[0] == short(one["bound"], ".0e"), test
                assert difference.strip() == short(one["difference"], ".1e")
            else:
                assert difference.strip() == "—", test
    assert told


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_ruff_has_nothing_to_say(command):
    ruff = [sys.executable, "-m", "ruff", *command, str(ROOT)]
    said = subprocess.run(ruff, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout
