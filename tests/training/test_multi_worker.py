"""Several processes train in one run; they share only the network."""

import contextlib
import re
import signal

import forked
import numpy as np
import pytest
import seeds
import small
from workers import free_ports, tf_config

import lit_tf
from lit_tf import data

FLAGS = (
    "--teacher=small6",
    "--student=small6",
    "--dataset=digits",
    "--sync_batch_norm",
    "--min_teacher_accuracy=0",  # The teacher is not trained.
    "--log_steps=1",
    *(f"--{phase}_epochs=1" for phase in ("lit", "fine_tune")),
    *(f"--{phase}_milestones=" for phase in ("lit", "fine_tune")),
    # Of 1,293 training images the last batch has three: one and two.
    *(f"--{phase}_batch_size=645" for phase in ("lit", "fine_tune")),
    "--lit_learning_rate=0.01",
    "--fine_tune_learning_rate=0.001",
)
SMALL = "import small; small.register()\n"
SKIP_COSTS = "small.skip_costs()\n"
ONE_PHASE = ("--no_fine_tune",)
# Runs that are killed and resumed.
RESUMED = (*ONE_PHASE, "--checkpoint_steps=1")
# A worker's temporary run folder has a given path and stays.
KEEP_FOLDER = """
import contextlib, types
from lit_tf.training import multi_worker

multi_worker.tempfile = types.SimpleNamespace(
    TemporaryDirectory=lambda: contextlib.nullcontext({!r})
)
"""


class Worker:
    """A process of a run, with a folder and a temporary folder of its own."""

    def __init__(self, server, place, *flags, tf_config="", before=""):
        self.place, self.temporary = place, place / "temporary"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self._process = server.start(
            "lit-compress",
            *flags,
            "--workdir=run",
            cwd=place,
            env={"TF_CONFIG": tf_config, "TMPDIR": str(self.temporary)},
            before=SMALL + before,
            deletes=True,  # Other workers notice how it ends.
        )

    def end(self):
        """Waits for the process to end, at most three minutes; returns self."""
        ended = self._process.end(seconds=180)
        self.code, self.out, self.err = ended.code, ended.out, ended.err
        return self

    def stop(self):
        """Kills the process if it still runs."""
        self._process.kill()
        self._process.end()


@pytest.fixture(scope="module")
def runs(server, tmp_path_factory):
    """Processes by name, after they ended, and a worker's run folder."""
    place = tmp_path_factory.mktemp("workers")
    seeds.set_all(1)
    teacher = small.build(6, **data.source("digits").form())
    teacher.save(place / "teacher.keras")
    flags = (f"--teacher_weights={place / 'teacher.keras'}", *FLAGS)
    ended = {}

    with contextlib.ExitStack() as stack:

        def start(folder, *more, **settings):
            worker = Worker(server, place / folder, *flags, *more, **settings)
            stack.callback(worker.stop)
            return worker

        def pair(
            name, again="", more=(), before=(SKIP_COSTS,) * 2, phases=RESUMED
        ):
            ports = free_ports(2)
            several = "--strategy=multi_worker"
            chief = start(
                f"{name}/chief",
                several,
                *phases,
                tf_config=tf_config(0, *ports),
                before=before[0],
            )
            worker = start(
                f"{name}/worker{again}",
                several,
                *phases,
                *more,
                tf_config=tf_config(1, *ports),
                before=before[1],
            )
            return chief, worker

        kept = place / "worker_folder"
        kept.mkdir()
        keep_folder = KEEP_FOLDER.format(str(kept))
        ended["undisturbed"] = [
            p.end()
            for p in pair("undisturbed", before=("", keep_folder), phases=())
        ]
        # A worker needs ten seconds to notice that another was killed. Run
        # other processes meanwhile.
        without_worker = pair(
            "killed",
            before=(SKIP_COSTS, SKIP_COSTS + forked.killed_at("lit", 1)),
        )
        mismatched = pair("mismatched", more=["--seed=7"])
        ended["alone"] = start("alone", before=SKIP_COSTS).end()
        ended["only"] = start(
            "only",
            "--strategy=multi_worker",
            *ONE_PHASE,
            tf_config=tf_config(0, *free_ports(1)),
            before=SKIP_COSTS,
        ).end()
        ended["without worker"] = [p.end() for p in without_worker]
        ended["mismatched"] = [p.end() for p in mismatched]
        without_chief = pair(
            "killed",
            again=2,
            before=(
                SKIP_COSTS + forked.killed_at("lit", 2, signal.SIGTERM),
                SKIP_COSTS,
            ),
        )
        ended["without chief"] = [p.end() for p in without_chief]
        ended["resumed"] = [p.end() for p in pair("killed", again=3)]
    return ended, kept


def variables(folder):
    student = lit_tf.load(folder / "student.keras")
    return [variable.numpy() for variable in student.variables]


def checkpoint(process):
    """Returns the variables in the checkpoint of phase `lit`, by name."""
    path = process.place / "run" / "checkpoints" / "lit.npz"
    with np.load(path) as archive:
        names = set(archive.files) - {"position", "paths"}
        return {name: archive[name] for name in sorted(names)}


def test_two_workers_end_where_one_process_does(runs, close):
    ended, _ = runs
    chief, _ = ended["undisturbed"]
    alone = ended["alone"]
    assert (alone.code, chief.code) == (0, 0), alone.err + chief.err
    one, two = (variables(process.place / "run") for process in (alone, chief))
    close(two, one, 1e-5)


def test_a_single_worker_is_one_process(runs, close):
    ended, _ = runs
    only = ended["only"]
    assert only.code == 0, only.err
    assert only.out.startswith("chief of 1 worker\n")
    one, two = (checkpoint(process) for process in (ended["alone"], only))
    close([*two.values()], [*one.values()], 1e-5)


def test_both_workers_end_with_equal_weights(runs):
    ended, kept = runs
    chief, worker = ended["undisturbed"]
    assert worker.code == 0, worker.err
    for expected, value in zip(
        variables(chief.place / "run"), variables(kept), strict=True
    ):
        np.testing.assert_array_equal(value, expected)


def test_only_the_chief_writes_and_prints_results(runs):
    ended, _ = runs
    for name in ("undisturbed", "resumed"):
        chief, worker = ended[name]
        left = {path.name for path in (chief.place / "run").iterdir()}
        assert left >= {"student.keras", "report.json", "metrics.jsonl"}
        assert list(worker.place.rglob("*")) == [worker.temporary]
        assert "student small6" in chief.out
        assert worker.out == (
            "worker 1 of 2: the chief prints and writes the results\n"
        )


@pytest.mark.parametrize(
    ("name", "left", "code"),
    [
        ("without worker", 0, -signal.SIGKILL),
        ("without chief", 1, 128 + signal.SIGTERM),
    ],
)
def test_the_remaining_worker_reports_the_loss_and_ends(runs, name, left, code):
    ended, _ = runs
    assert ended[name][1 - left].code == code
    survivor = ended[name][left]
    assert survivor.code == 1
    assert re.fullmatch(
        "lit-compress: Another worker has stopped. The chief's last checkpoint "
        "is kept. Start the same command on every machine to resume from it.\n",
        survivor.err,
    )
    assert not [p for p in survivor.temporary.iterdir() if p.is_dir()]


def test_a_run_that_lost_workers_resumes_and_ends_as_if_undisturbed(runs):
    ended, _ = runs
    (undisturbed, _), (resumed, worker) = ended["undisturbed"], ended["resumed"]
    assert (resumed.code, worker.code) == (0, 0), resumed.err + worker.err
    assert re.search(r"lit +resumes after", ended["without chief"][0].out)
    assert re.search(r"lit +resumes after", resumed.out)
    one, other = checkpoint(resumed), checkpoint(undisturbed)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], name)


def test_a_worker_with_other_settings_is_refused(runs):
    ended, _ = runs
    chief, worker = ended["mismatched"]
    assert worker.code == 2
    assert worker.err == (
        "lit-compress: Every worker must be started with the same settings as "
        "the chief. Received: --seed was 0, now 7.\n"
    )
    assert chief.code == 2
    assert chief.err.endswith(
        "settings as the chief. Received: a worker with other settings.\n"
    )
