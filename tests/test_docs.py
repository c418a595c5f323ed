"""The README and the pages of the documentation agree with the code."""

import functools
import importlib
import json
import re
import shlex
import subprocess
import sys
import unicodedata

import pages
import pytest
from pages import PAGES, README, ROOT

import lit_tf

# Links.


def _anchors(page):
    """Returns the anchors of a page, on GitHub and on the site alike."""
    anchors = set()
    for title in re.findall(r"^#+ (.*)$", pages.prose(page), re.MULTILINE):
        title = re.sub(r"[`*]", "", title).lower()
        github = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        ascii_ = unicodedata.normalize("NFKD", title).encode("ascii", "ignore")
        site = re.sub(r"[^\w\s-]", "", ascii_.decode()).strip()
        if re.sub(r"[-\s]+", "-", site) == github:
            anchors.add(github)
    return anchors


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page)):
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
        for link in re.findall(r"\]\(([^)\s#]+)", pages.prose(page)):
            if not re.match("[a-z]+:", link):
                assert (page.parent / link).resolve().is_relative_to(docs)


def test_every_file_that_the_text_names_exists():
    roots = "lit_tf|flags|launch|tests|tools|examples|docs"
    for page in PAGES:
        for path in re.findall(
            rf"`((?:{roots})/[\w/.]*)[`:]", pages.prose(page)
        ):
            if "NAME" not in path:
                assert (ROOT / path).exists(), f"{pages.name(page)}: {path}"


def test_every_test_that_the_text_names_exists():
    for page in PAGES:
        for path, name in re.findall(
            r"`(tests/[\w/]+\.py)::(\w+)`", pages.prose(page)
        ):
            text = (ROOT / path).read_text()
            assert f"def {name}(" in text, f"{pages.name(page)}: {name}"


@pytest.mark.parametrize(
    "script", ["gains.py", "recipes/table.py", "own_model_defaults/table.py"]
)
def test_the_results_have_the_tables_that_their_scripts_print(script):
    script = ROOT / "docs" / "results" / script
    process = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True
    )
    results = (ROOT / "docs" / "results.md").read_text()
    for table in process.stdout.split("\n\n"):
        assert table.startswith("| ")
        assert table in results


def test_every_page_of_the_site_is_in_its_navigation():
    settings = (ROOT / "mkdocs.yml").read_text()
    listed = re.findall(r": (\w+\.md)$", settings, re.MULTILINE)
    names = [page.name for page in (ROOT / "docs").glob("*.md")]
    assert sorted(listed) == sorted(names)


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
        elif not argument.startswith("-"):
            pathlib.Path(argument).touch()
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
    for page, text in pages.blocks(""):
        for line in text.splitlines():
            if found := re.search(r"(?:^|\.venv/bin/)(lit-.*)", line):
                yield page, found[1]
    for page in PAGES:
        for line in re.findall(r"`(lit-[a-z]+ [^`]*)`", pages.prose(page)):
            yield page, line.replace("\n", " ")


def test_every_command_has_flags_and_recipes_that_exist(tmp_path):
    commands = list(_commands())
    assert len(commands) > 20
    lines = [line for _, line in commands]
    for (page, line), (code, said) in zip(
        commands, _parsed(lines, tmp_path), strict=True
    ):
        assert code == 0, f"{pages.name(page)}: {line}\n{said[:500]}"


def test_every_flag_that_the_text_names_exists(tmp_path):
    lines = (
        "lit-compress --seed=0",
        "lit-teach --seed=0",
        "lit-tune --teacher_weights=t --small_student=resnet8 --alphas=0,1",
        "lit-evaluate --model=m",
        "lit-import --source=s --dataset=digits --output=o",
        "lit-benchmark --seed=0",
        "lit-plan my_model.keras",
        "lit-report runs",
        "lit-export --model=m --output=o",
    )
    known = {"help", "helpfull", "flagfile", "version"}
    for (code, said), line in zip(_parsed(lines, tmp_path), lines, strict=True):
        assert code == 0, f"{line}: {said[:500]}"
        known.update(said.split())
    known |= {f"no{name}" for name in known}
    for page in PAGES:
        if page.name == "CHANGELOG.md":  # It names flags of the past too.
            continue
        code = re.findall(r"`(--[^`]+)`", pages.prose(page))
        for flag in re.findall(r"(?<!\S)--(\w+)", " ".join(code)):
            for phase in ("teach", "lit", "fine_tune"):
                name = flag.replace("PHASE", phase)
                assert name in known, f"{pages.name(page)}: --{flag}"


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
