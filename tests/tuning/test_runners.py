"""Runners start trials as processes, or print their commands."""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import slow

from lit_tf import errors
from lit_tf.tuning import runners, search, stages

# lit-tune, with another program instead of lit-compress.
_TUNE = """
import sys
from lit_tf.tuning import trials
trials.PROGRAM = (sys.executable, sys.argv.pop(1))
from lit_tf.launch import tune
tune.main()
"""
FLAGS = (
    "--teacher_weights=t.keras",
    "--student=resnet8",
    "--small_student=resnet8",
    "--temperatures=2",
    "--alphas=0.5",
    "--betas=0.5",
)


def tuned(settings, parallel=1):
    return search.tune(settings, runners.here(settings, parallel=parallel))


def first_stage(settings):
    return stages.planned(settings, "temperature", {})


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return False
    return state != "Z"


def begun(program, count=1):
    """Waits until so many trials have begun and returns their process ids."""
    while len(program.notes()) < count:
        time.sleep(0.02)
    return [row["pid"] for row in program.notes()]


def test_a_search_runs_its_trials_as_processes(wanted, program):
    program.plays(
        {
            "temperature=6/seed=0": {"epochs": [0.9, 0.6]},
            "alpha=0.9/seed=0": {"epochs": [0.8]},
        }
    )
    decided = tuned(wanted())
    assert [one.chosen for one in decided] == [6.0, 0.9, 0.25]
    assert decided[0].values[1].mean == 0.9
    # The first one is the dry run of the student.
    flags = [row["flags"] for row in program.notes()]
    assert "--dry_run" in flags[0] and len(flags) == 7
    assert flags[-1]["--temperature"] == "6.0"
    assert flags[-1]["--beta"] == "0.5"
    place = pathlib.Path(wanted().session.workdir)
    log = place / "temperature=2" / "seed=0" / "log.txt"
    assert log.read_text() == "student is resnet8\n"


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_as_many_trials_as_asked_for_run_at_the_same_time(
    parallel, wanted, program
):
    settings = wanted(temperatures=(1.0, 2.0, 3.0, 4.0), student="resnet8")
    names = [one.name for one in first_stage(settings)]
    program.plays({name: {"seconds": [0.5]} for name in names})
    runners.here(settings, parallel=parallel)(first_stage(settings))
    now, most = 0, 0
    for row in program.notes(""):
        now += 1 if row["what"] == "begins" else -1
        most = max(most, now)
    assert (now, most) == (0, parallel)


def test_a_failed_trial_is_named_and_the_others_run(wanted, program, capsys):
    failing = {"code": 1, "says": "lit-compress: no room.\n\n"}
    program.plays({"temperature=2/seed=0": failing})
    decided = tuned(wanted())
    assert decided[0].chosen == 6.0
    said = capsys.readouterr().err
    assert said.startswith("temperature=2/seed=0 failed: lit-compress: no room")
    assert "exit code 1" in said and "seed=0/log.txt" in said


def test_refused_settings_end_the_search(wanted, program):
    program.plays(
        {
            "temperature=2/seed=0": {"code": 2, "says": "Unknown student."},
            "temperature=6/seed=0": {"seconds": [60]},
        }
    )
    with pytest.raises(errors.SettingsError, match="seed=0 was refused. Unkn"):
        tuned(wanted(student="resnet8"), parallel=2)
    (pid,) = {row["pid"] for row in program.notes() if "=6" in row["name"]} or {
        0
    }
    assert not alive(pid)


def test_a_refused_search_may_begin_again_with_other_settings(wanted, program):
    says = "lit-compress: `temperature` is for classes."
    refused = {"code": 2, "says": says}
    program.plays({"temperature=2/seed=0": refused})
    with pytest.raises(errors.SettingsError) as caught:
        tuned(wanted(student="resnet8"))
    assert f"refused. {says} (A stage whose list is empty" in str(caught.value)
    program.plays({})
    decided = tuned(
        wanted(student="resnet8", small_student="", temperatures=(), alphas=())
    )
    assert [stage.name for stage in decided] == ["beta"]


def test_a_small_student_alone_needs_no_dry_run_of_the_other(wanted, program):
    tuned(wanted(alphas=(), betas=()))
    assert not [r for r in program.notes() if "--dry_run" in r["flags"]]


def test_an_error_of_the_student_comes_before_the_small_student_trains(
    wanted, program
):
    script = program.script.read_text()
    program.script.write_text(
        script.replace("sys.exit()", "sys.exit('No such student.')")
    )
    with pytest.raises(errors.DataError, match="No such student."):
        tuned(wanted())
    (row,) = program.notes()
    # The student is the default.
    assert "--dry_run" in row["flags"] and "--student" not in row["flags"]
    # The folder does not belong to a search yet.
    program.script.write_text(script)
    assert len(tuned(wanted(student="resnet14"))) == 3


SAID = {signal.SIGTERM: "ended by SIGTERM.", signal.SIGINT: "interrupted."}


def _start(program, tmp_path):
    program.plays({"temperature=2/seed=0": {"seconds": [60]}})
    return subprocess.Popen(
        [sys.executable, "-c", _TUNE, program.script, *FLAGS],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # A process that a shell starts in the background ignores SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(
    "how",
    slow.all_but(
        [signal.SIGTERM], [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
    ),
)
def test_no_trial_outlives_its_search(how, tmp_path, program):
    process = _start(program, tmp_path)
    (pid,) = begun(program)
    process.send_signal(how)
    said = process.communicate()[1]
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(pid)
    if how == signal.SIGKILL:
        assert not program.notes("saves")
    else:
        # The trial wrote a checkpoint first.
        assert [row["pid"] for row in program.notes("saves")] == [pid]
        assert process.returncode == 128 + how
        assert said.startswith(f"lit-tune: {SAID[how]} What was saved is kept")
        assert said.count("\n") == 1
    # The same command resumes the search.
    program.plays({})
    line = [sys.executable, "-c", _TUNE, program.script, *FLAGS]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "tune" / "tuned.flags").is_file()
    assert re.search(r"\| temperature \(resnet8\) \| 2 +\| ", done.stdout)


def test_commands_are_printed_stage_by_stage(tmp_path, program):
    flags = (*FLAGS, "--seeds=0,1", "--workdir=a folder/tune")
    line = [sys.executable, "-c", _TUNE, program.script, *flags]
    counts = []
    for _ in range(4):
        results = subprocess.run(
            [*line, "--print_commands"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert results.returncode == 0, results.stderr
        counts.append(len(results.stdout.splitlines()))
        for command in results.stdout.splitlines():
            subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert counts == [2, 2, 2, 0]
    assert program.names()[:3] == [
        "temperature=2/seed=0",
        "temperature=2/seed=1",
        "alpha=0.5/seed=0",
    ]
    assert "Chosen on the validation split" in results.stderr
    assert (tmp_path / "a folder" / "tune" / "tuned.flags").is_file()


# The program that stands in for lit-compress needs no TensorFlow, so lit-tune
# need not load it before the module either.
_TUNE_WITHOUT_TENSORFLOW = f"""
from lit_tf.launch import command
command.load = lambda module: None
{_TUNE}
"""


@pytest.mark.parametrize(
    "mode", slow.all_but([""], ["", "--dry_run", "--print_commands"])
)
def test_every_trial_imports_the_custom_objects(mode, tmp_path, program):
    (tmp_path / "my_layers.py").touch()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _TUNE_WITHOUT_TENSORFLOW,
            program.script,
            *FLAGS[:2],
            "--small_student=resnet14",
            *FLAGS[3:],
            "--custom_objects=my_layers",
            *filter(None, [mode]),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    if mode == "--print_commands":
        subprocess.run(done.stdout, shell=True, cwd=tmp_path, check=True)
    flags = [row["flags"] for row in program.notes()]
    counts = {"": 4, "--dry_run": 2, "--print_commands": 1}
    assert len(flags) == counts[mode]
    assert {one.get("--custom_objects") for one in flags} == {"my_layers"}


def test_commands_that_have_run_elsewhere_are_not_printed(
    wanted, program, capsys
):
    plan = first_stage(wanted())

    def print_commands():
        return search.tune(wanted(), runners.elsewhere(wanted()))

    assert print_commands() == []
    assert len(capsys.readouterr().out.splitlines()) == 2
    subprocess.run(plan[0].command(), check=True, capture_output=True)
    assert print_commands() == []
    results = capsys.readouterr()
    assert results.out == f"{shlex.join(plan[1].command())}\n"
    assert "1 of 2 trials of temperature" in results.err


def test_a_second_search_in_the_same_folder_is_refused(wanted, program):
    seen = []

    def run(plan):
        with pytest.raises(errors.DataError, match="Another process"):
            tuned(wanted())
        seen.append(os.getpid())
        return None

    search.tune(wanted(), run)
    assert seen
