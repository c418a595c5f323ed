"""The help of the commands lists their flags."""

import importlib.metadata
import pathlib
import re
import subprocess
import sys
import sysconfig

import pytest
from python_process import run

import lit_tf
from lit_tf import config
from lit_tf.benchmark.settings import Settings
from lit_tf.config import flatten
from lit_tf.flags import help_text
from lit_tf.tuning.settings import Tune

FLAGS = {
    "lit-compress": ["recipe", *flatten.flatten(config.Compress())],
    "lit-benchmark": ["json", *flatten.flatten(Settings())],
    "lit-evaluate": ["model", "dataset", "data_dir", "download", "json"],
    "lit-export": ["model", "output", "format", "quantize", "dataset"],
    "lit-import": ["source", "model", "dataset", "normalization", "output"],
    "lit-plan": ["model", "sections", "custom_objects"],
    "lit-report": ["output", "reference", "mixed", "overwrite"],
    "lit-teach": ["recipe", *flatten.flatten(config.Teach())],
    "lit-tune": ["print_commands", "parallel", *flatten.flatten(Tune())],
}


def test_this_file_tests_every_command():
    scripts = importlib.metadata.distribution("lit_tf").entry_points
    assert {script.name for script in scripts} == FLAGS.keys()


@pytest.mark.parametrize("name", FLAGS)
def test_helpfull_lists_every_flag_without_tensorflow(name, tmp_path):
    script = pathlib.Path(sysconfig.get_path("scripts"), name)
    code, out, err = run(
        "-X", "importtime", str(script), "--helpfull", cwd=tmp_path
    )
    assert code == 0
    assert set(FLAGS[name]) <= set(listed(out))
    imported = set(re.findall(r"\| +(\w+)", err))
    assert "absl" in imported
    assert not imported & {"tensorflow", "keras"}


def test_a_reader_may_end_before_the_help_does():
    line = [sys.executable, "-m", "lit_tf.launch.tune", "--helpfull"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(line, **pipes) as process:
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def listed(text):
    """Returns the names of the flags that a help text lists."""
    return re.findall(r"^  --(?:\[no\])?(\w+):", text, re.MULTILINE)


def test_the_help_of_lit_compress_lists_the_flags_that_most_runs_need(tmp_path):
    code, out, _ = run("-m", "lit_tf.launch.compress", "--help", cwd=tmp_path)
    flags = listed(out)
    assert code == 0 and 20 <= len(flags) <= 28
    assert {"recipe", "dry_run", "teacher", "student", "method"} <= set(flags)
    assert {"lit_epochs", "dataset", "data_dir", "workdir"} <= set(flags)
    titles = re.findall(r"^(\w[\w ]*):$", out, re.MULTILINE)
    assert titles[:3] == ["Examples", "Start", "Models"]
    assert titles[-1] == "Recipes"
    assert "lit-compress --recipe=quickstart\n" in out
    assert "  reviews_cpu\n" in out
    assert f"--helpfull lists all {len(FLAGS['lit-compress']) + 2} fl" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", ["teach", "tune"])
def test_the_help_of_a_command_with_many_flags_is_short(name, tmp_path):
    _, out, _ = run("-m", f"lit_tf.launch.{name}", "--help", cwd=tmp_path)
    assert len(listed(out)) <= 36 < len(FLAGS[f"lit-{name}"])
    assert "--helpfull lists all" in out


@pytest.mark.parametrize(
    "name", ["evaluate", "export", "import_", "plan", "report", "benchmark"]
)
def test_the_help_of_a_command_with_few_flags_lists_all_flags(name, tmp_path):
    _, out, _ = run("-m", f"lit_tf.launch.{name}", "--help", cwd=tmp_path)
    assert set(FLAGS[f"lit-{name.rstrip('_')}"]) <= set(listed(out))
    assert "--helpfull" not in out


@pytest.mark.parametrize("name", ["compress", "plan"])
def test_the_version_is_printed_without_tensorflow(name, tmp_path):
    script = f"-m lit_tf.launch.{name} --version"
    code, out, err = run("-X", "importtime", *script.split(), cwd=tmp_path)
    assert (code, out) == (0, f"lit_tf {lit_tf.__version__}\n")
    assert not set(re.findall(r"\| +(\w+)", err)) & {"tensorflow", "keras"}


def test_the_help_names_the_arguments():
    for name, arguments in (
        ("compress", "[MODEL] [DATA] "),
        ("plan", "MODEL "),
        ("report", "DIR ... "),
        ("teach", ""),
    ):
        text = help_text.text(f"lit-{name}", full=False)
        assert f"usage: lit-{name} {arguments}[--flag=value ...]\n" in text
