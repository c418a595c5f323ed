"""lit-tune as a command: one real search, and the requests it refuses."""

import json
import shlex
import subprocess
import sys

import pytest
import seeds
import small
from tensorboard.backend.event_processing import event_multiplexer
from tensorboard.plugins.hparams import metadata

from lit_tf import data
from lit_tf.tuning import trials

FLAGS = (
    "--recipe=quickstart",
    "--teacher=small6",
    "--student=small6",
    "--teacher_weights=teacher.keras",
    "--min_teacher_accuracy=0",  # The teacher is not trained.
    "--small_student=small6",
    "--lit_epochs=1",
    "--lit_milestones=",
    "--lit_milestones=",
    "--fine_tune_epochs=1",
    "--fine_tune_milestones=",
    "--fine_tune_milestones=",
    "--temperatures=2",
    "--alphas=0.95",
    "--betas=0.75,0.25",
)
_SETTINGS = """
import json
from lit_tf.flags import parse
from lit_tf.launch import command
from lit_tf import config
from lit_tf.config import flatten

def show(_):
    settings = parse.from_flags(config.Compress)
    print(json.dumps(flatten.flatten(settings)))

command.run(show, "lit-compress")
"""


# `lit-tune` whose trials are forks of a process that has imported TensorFlow.
_FORKING = """
from lit_tf.launch import tune
from lit_tf.tuning import trials

trials.PROGRAM = {}
tune.main()
"""
_SMALL = "import small; small.register(); small.skip_costs()"


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def tune(server):
    """A function: flags, folder → the ended search."""
    program = server.program("lit-compress", before=_SMALL)

    def start(*flags, cwd):
        return run("-c", _FORKING.format(program), *FLAGS, *flags, cwd=cwd)

    return start


@pytest.fixture(scope="module")
def place(tune, tmp_path_factory):
    """A folder in which a search has run, and the output of the search."""
    found = tmp_path_factory.mktemp("place")
    seeds.set_all(0)
    teacher = small.build(6, **data.DATASETS["digits"].form())
    teacher.save(found / "teacher.keras")
    done = tune(cwd=found)
    assert (done.returncode, done.stderr) == (0, "")
    return found, done.stdout


def test_a_search_writes_flags_that_lit_compress_accepts(place):
    folder, said = place
    line = ("--recipe=quickstart", "--flagfile=runs/tune/tuned.flags")
    settings = json.loads(run("-c", _SETTINGS, *line, cwd=folder).stdout)
    results = json.loads((folder / "runs" / "tune" / "tune.json").read_text())
    scores = {
        one["value"]: one["mean"] for one in results["stages"][2]["values"]
    }
    assert settings["beta"] == max(scores, key=scores.get)
    assert (settings["temperature"], settings["alpha"]) == (2.0, 0.95)
    assert "Chosen on the validation split; the test split was not" in said
    assert "--flagfile=runs/tune/tuned.flags" in said


def test_trials_are_runs_that_do_not_read_the_test_split(place):
    tune = place[0] / "runs" / "tune"
    # The stages of alpha and beta reuse trials of the stage before.
    names = sorted(
        str(one.parent.relative_to(tune)) for one in tune.rglob("report.json")
    )
    assert names == ["beta=0.25/seed=0", "temperature=2/seed=0"]
    for name in names:
        known = json.loads((tune / name / "config.json").read_text())
        assert known["settings"]["read_test"] is False
        assert (tune / name / "student.keras").is_file()


def test_tensorboard_shows_every_trial_by_its_settings(place):
    runs = event_multiplexer.EventMultiplexer()
    runs.AddRunsFromDirectory(str(place[0] / "runs" / "tune")).Reload()
    shown = set()
    for name, tags in runs.Runs().items():
        if "validation/accuracy" in tags["tensors"] and "teacher" not in name:
            content = runs.GetAccumulator(name).PluginTagToContent("hparams")
            results = metadata.parse_session_start_info_plugin_data(
                content[metadata.SESSION_START_INFO_TAG]
            )
            hparams = results.hparams
            shown.add(
                (
                    hparams["temperature"].number_value,
                    hparams["beta"].number_value,
                    hparams["phase"].string_value,
                )
            )
    assert shown == {
        (2.0, beta, phase)
        for beta in (0.25, 0.75)
        for phase in ("lit", "fine_tune")
    }


REFUSED = {
    "--teacher_weights=": "`teacher_weights` must name the teacher",
    "--falling_beta --betas=0,0.5": "leave 0 out of `betas`. Received",
    "--method=kd": "`method` must be lit, because the search varies LIT's",
    "--validation_fraction=0": "`validation_fraction` must be above 0",
    "--temperatures=2,0": "`temperature` must be positive and finite. Received",
    "--temperatures= --alphas= --betas=": "One of `temperatures`, `alphas` and",
    "--seeds=": "`seeds` must list at least one seed.",
    "--temperatures= --small_student=resnet8": "`small_student` is read by the",
    "--budget=1h": "`budget` may give each trial another number of epochs.",
    "--prune --lit_steps=9": "`prune` counts the epochs of phase lit.",
    "--alphas=0.5,1.5": "`alpha` must be in [0, 1]. Received: alpha=1.5.",
    "--betas=0.5,0.50": "`betas` must list each value only once.",
    "--betas=x": "`betas` must be numbers, separated by commas. Received: x.",
    "--seeds=-1": "`seed` must be in [0, 2³¹).",
    "--seeds=0.5": "`seeds` must be whole numbers, separated by commas.",
    "--parallel=0": "`parallel` must be ≥ 1. Received: parallel=0.",
    "--strategy=multi_worker": "--print_commands",
    "--prune --print_commands": "`prune` stops only trials",
}


OWN = ("--teacher_weights=my_model.keras", "--compression=2", "--epochs=4")


def test_a_trial_has_the_settings_of_a_search_of_a_users_model(tmp_path):
    # The default of a run without --compression, and so are the other settings
    # of a run that names it.
    given = ("--lit_optimizer=sgd",)
    done = run(
        *("-m", "lit_tf.launch.tune", *OWN, *given),
        *("--temperatures=6", "--alphas=", "--betas=", "--print_commands"),
        cwd=tmp_path,
    )
    flags = shlex.split(done.stdout)[3:]
    found = json.loads(run("-c", _SETTINGS, *flags, cwd=tmp_path).stdout)
    wanted = (*OWN, *given, "--temperature=6", "--noread_test", "--workdir=x")
    line = run("-c", _SETTINGS, *wanted, cwd=tmp_path)
    ignored = {"workdir": found["workdir"]}
    assert found == json.loads(line.stdout) | ignored


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--small_student=resnet8", "`small_student` is for a student that"),
        ("--compression_of=latency", "`compression_of` latency may choose"),
    ],
)
def test_what_a_search_of_a_users_model_refuses(flag, message, tmp_path):
    done = run("-m", "lit_tf.launch.tune", *OWN, flag, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("flags", REFUSED)
def test_an_invalid_request_is_refused_before_anything_starts(flags, tmp_path):
    done = run("-m", "lit_tf.launch.tune", *FLAGS, *flags.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lit-tune: ")
    assert REFUSED[flags] in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_search_does_not_import_tensorflow(tmp_path):
    line = [*FLAGS, "--print_commands"]
    script = (
        "import atexit, os, sys\n"
        "from lit_tf.launch import tune\n"
        "atexit.register(lambda: 'tensorflow' in sys.modules and os._exit(9))\n"
        "tune.main()"
    )
    done = run("-c", script, *line, cwd=tmp_path)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)


def test_a_trial_is_a_run_of_lit_compress(tmp_path):
    done = run(*trials.PROGRAM[1:], "--help", cwd=tmp_path)
    assert done.returncode == 0 and "lit-compress --recipe" in done.stdout


def test_an_unknown_student_is_named(place, tune):
    done = tune("--student=resnet21", "--workdir=other", cwd=place[0])
    assert done.returncode == 2 and done.stdout == "dry run of resnet21\n"
    assert "6n + 2 (8, 14, 20, …). Received: res" in done.stderr
    assert done.stderr.count("\n") == 1
