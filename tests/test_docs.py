"""The README and the pages of the documentation agree with the code."""

import dataclasses
import functools
import importlib
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata

import keras
import numpy as np
import pytest

import lit_tf
from lit_tf import config, data, models
from lit_tf.data import characters
from lit_tf.interop import saved_model
from lit_tf.sections import sectioned_model

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "examples").glob("*.md"),
]
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Python blocks that are compiled but not run, by their first words, and why.
COMPILED = {
    "from lit_tf import config, data, experiment": "It trains for 300 epochs; "
    "tests/test_examples.py runs examples/tf_data.py, which does the same.",
}


def _name(page):
    return str(page.relative_to(ROOT))


def _blocks(language):
    """Yields (page, text) of the fenced blocks of a language."""
    for page in PAGES:
        for found, text in FENCE.findall(page.read_text()):
            if found == language:
                yield page, text


def _prose(page):
    return FENCE.sub("", page.read_text())


# Links.


def _anchors(page):
    """Returns the anchors of a page, on GitHub and on the site alike."""
    anchors = set()
    for title in re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE):
        title = re.sub(r"[`*]", "", title).lower()
        github = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        ascii_ = unicodedata.normalize("NFKD", title).encode("ascii", "ignore")
        site = re.sub(r"[^\w\s-]", "", ascii_.decode()).strip()
        if re.sub(r"[-\s]+", "-", site) == github:
            anchors.add(github)
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match("[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.is_file(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_a_page_of_the_site_links_to_nothing_outside_of_it():
    docs = ROOT / "docs"
    for page in docs.glob("*.md"):
        for link in re.findall(r"\]\(([^)\s#]+)", _prose(page)):
            if not re.match("[a-z]+:", link):
                assert (page.parent / link).resolve().is_relative_to(docs)


def test_every_file_that_the_text_names_exists():
    roots = "lit_tf|flags|launch|tests|tools|examples|docs"
    for page in PAGES:
        for path in re.findall(rf"`((?:{roots})/[\w/.]*)[`:]", _prose(page)):
            if "NAME" not in path:
                assert (ROOT / path).exists(), f"{_name(page)}: {path}"


def test_every_page_of_the_site_is_in_its_navigation():
    settings = (ROOT / "mkdocs.yml").read_text()
    listed = re.findall(r": (\w+\.md)$", settings, re.MULTILINE)
    pages = [page.name for page in (ROOT / "docs").glob("*.md")]
    assert sorted(listed) == sorted(pages)


def test_the_readme_fits_200_lines_and_has_the_lines_that_ci_runs():
    lines = README.read_text().splitlines()
    assert len(lines) <= 200
    venv = "python3 -m venv .venv && .venv/bin/pip install -e"
    assert f"{venv} . && .venv/bin/lit-compress --recipe=quickstart" in lines
    tests = next(line for line in lines if line.endswith("/pytest"))
    assert tests == f"{venv} '.[test]' && .venv/bin/pytest"


# Commands. Flags are global to a process, so that each line gets its own.

_PARSE = """
import importlib, json, os, pathlib, sys, tempfile
from absl import flags
from lit_tf.launch import command
from lit_tf.tuning import search

def stop(*_, **__):
    raise SystemExit(0)

def run(name, arguments):
    os.chdir(tempfile.mkdtemp(dir="."))
    for argument in arguments:
        if argument.startswith("--flagfile="):
            path = pathlib.Path(argument.partition("=")[2])
            path.parent.mkdir(parents=True)
            path.touch()
    module = importlib.import_module("lit_tf.launch." + name)
    sys.argv = ["lit-" + name.rstrip("_"), *arguments]
    module.main()

# The flags are parsed and checked; nothing is run.
command.load = search.tune = stop
answers = []
for name, arguments in json.load(sys.stdin):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        try:
            run(name, arguments)
        except SystemExit as end:
            sys.stdout.flush()
            print(" ".join(flags.FLAGS), flush=True)
            os._exit(end.code or 0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        text = lines.read()
    answers.append((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text))
print(json.dumps(answers))
"""


def _parsed(lines, place):
    """Returns the exit code and the output of each command line."""
    split = []
    for line in lines:
        command, *arguments = shlex.split(line, comments=True)
        name = command.removeprefix("lit-")
        split.append((f"{name}_" if name == "import" else name, arguments))
    done = subprocess.run(
        [sys.executable, "-c", _PARSE],
        cwd=place,
        input=json.dumps(split),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _commands():
    """Yields (page, command line) of everything that a reader may type."""
    for page, text in _blocks(""):
        for line in text.splitlines():
            if found := re.search(r"(?:^|\.venv/bin/)(lit-.*)", line):
                yield page, found[1]
    for page in PAGES:
        for line in re.findall(r"`(lit-[a-z]+ [^`]*)`", _prose(page)):
            yield page, line.replace("\n", " ")


def test_every_command_has_flags_and_recipes_that_exist(tmp_path):
    commands = list(_commands())
    assert len(commands) > 20
    lines = [line for _, line in commands]
    for (page, line), (code, said) in zip(
        commands, _parsed(lines, tmp_path), strict=True
    ):
        assert code == 0, f"{_name(page)}: {line}\n{said[:500]}"


def test_every_flag_that_the_text_names_exists(tmp_path):
    lines = (
        "lit-compress --seed=0",
        "lit-teach --seed=0",
        "lit-tune --teacher_weights=t --small_student=resnet8 --alphas=0,1",
        "lit-evaluate --model=m",
        "lit-import --source=s --dataset=digits --output=o",
        "lit-benchmark --seed=0",
        "lit-report runs",
        "lit-export --model=m --output=o",
    )
    known = {"help", "helpfull", "flagfile"}
    for (code, said), line in zip(_parsed(lines, tmp_path), lines, strict=True):
        assert code == 0, f"{line}: {said[:500]}"
        known.update(said.split())
    known |= {f"no{name}" for name in known}
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # It names flags of the past too.
            continue
        code = re.findall(r"`(--[^`]+)`", _prose(page))
        for flag in re.findall(r"(?<!\S)--(\w+)", " ".join(code)):
            for phase in ("teach", "lit", "fine_tune"):
                name = flag.replace("PHASE", phase)
                assert name in known, f"{_name(page)}: --{flag}"


# Python.


def _unique(blocks):
    """Yields one of equal blocks of Python, named by its first page."""
    pages = {}
    for page, text in blocks:
        pages.setdefault(text, page)
    for number, (text, page) in enumerate(pages.items()):
        yield pytest.param(text, id=f"{page.stem}-{number}")


PYTHON = list(_unique(_blocks("python")))


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """The folder of a reader who has run what comes before the blocks."""
    place = tmp_path_factory.mktemp("reader")
    runs = place / "runs"
    digits = data.load(config.Data(dataset="digits"))
    network = models.get("resnet8")(**digits.form)
    teacher = runs / "quickstart" / "teacher" / "teacher.keras"
    teacher.parent.mkdir(parents=True)
    sectioned_model.save(network, teacher)
    images = digits.train.inputs[:2]
    saved_model.write(network, runs / "quickstart" / "saved_model", images)

    reviews = models.get("vdcnn9", width=4)(
        input_shape=(64,), classes=2, alphabet=characters.ALPHABET
    )
    codes = np.zeros((2, 64), np.float32)
    saved_model.write(reviews, runs / "reviews_cpu" / "saved_model", codes)

    attributes = ("Trouser", "Dress", "Coat", "Dark")
    generator = models.get("stargan10", width=4)(
        input_shape=(32, 32, 3), classes=4, attributes=attributes
    )
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    saved_model.write(generator, runs / "fashion_cpu" / "saved_model", pixels)

    _own_model().save(place / "my_model.keras")
    random = np.random.default_rng(0)
    np.savez(
        place / "my_images.npz",
        x_train=random.integers(0, 256, (8, 8, 8, 3), np.uint8),
        y_train=random.integers(0, 3, 8),
        x_test=random.integers(0, 256, (8, 8, 8, 3), np.uint8),
        y_test=random.integers(0, 3, 8),
    )
    return place


def _own_model():
    inputs = x = keras.Input((8, 8, 3))
    for filters in (4, 4, 4, 4, 8, 8, 8):
        strides = 1 if x.shape[-1] in (3, filters) else 2
        x = keras.layers.Conv2D(filters, 3, strides, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax")(x)
    return keras.Model(inputs, x)


def _two_answers(seed):
    """Returns a model of two sections, with a class and a number as output."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, name="stem")(inputs)
    for name in ("one", "two"):
        x = keras.layers.Dense(6, activation="tanh", name=name)(x)
    heads = {"animal": 3, "age": 1}
    heads = {n: keras.layers.Dense(k, name=n)(x) for n, k in heads.items()}
    return lit_tf.split(keras.Model(inputs, heads), ["stem", "one", "two"])


def _names_that_the_text_assumes():
    """Returns the values of names that a page explains in words."""
    return {
        "my_model": keras.Sequential(
            [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
        ),
        "teacher": _two_answers(0),
        "student": _two_answers(1),
        "images": np.ones((4, 4), "float32"),
        "animals": np.zeros(4, "int32"),
        "ages": np.ones((4, 1), "float32"),
    }


@pytest.mark.parametrize("block", PYTHON)
def test_every_block_of_python_runs_or_at_least_compiles(
    block, reader, monkeypatch, tmp_path
):
    code = compile(block, "block", "exec")
    if block.startswith(tuple(COMPILED)):
        return
    # Few examples and a single epoch, in place of those of the text.
    full = data.load(config.Data(dataset="digits"))
    few = {
        name: getattr(full, name).take(np.arange(8))
        for name in ("train", "validation", "test")
    }
    small = dataclasses.replace(full, **few)
    monkeypatch.setattr(data, "load", lambda _: small)
    fit = keras.Model.fit
    monkeypatch.setattr(
        keras.Model,
        "fit",
        lambda *args, **settings: fit(*args, **settings | {"epochs": 1}),
    )
    folder = shutil.copytree(reader, tmp_path / "reader")
    monkeypatch.chdir(folder)
    exec(code, _names_that_the_text_assumes())


def test_a_block_that_is_only_compiled_is_still_there():
    texts = [text for _, text in _blocks("python")]
    for start in COMPILED:
        assert any(text.startswith(start) for text in texts), start


# The API.


def test_the_public_names_are_loaded_when_first_used():
    for name in lit_tf.__all__:
        assert getattr(lit_tf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'tokens'"):
        lit_tf.tokens  # noqa: B018


def test_every_name_of_the_reference_exists_and_is_public():
    text = (ROOT / "docs" / "api.md").read_text()
    references = re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)
    documented = [_resolved(path) for path in references]
    for name in set(lit_tf.__all__) - {"__version__"}:
        public = getattr(lit_tf, name)
        submodule = f"lit_tf.{name}"
        assert public in documented or f"## `{submodule}`" in text, name


def _resolved(path):
    """Returns what a dotted path names: a module, or an attribute of one."""
    parts = path.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        return functools.reduce(getattr, parts[size:], found)
    raise AssertionError(path)
