"""What phase `lit` keeps in memory, each piece in a process of its own."""

import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import tensorflow as tf

from lit_tf import errors
from lit_tf.benchmark import pieces
from lit_tf.benchmark.bench import Bench
from lit_tf.benchmark.settings import Settings
from lit_tf.config import flatten

_STATUS = pathlib.Path("/proc/self/status")
# Steps before memory is taken to have settled.
_SETTLED = 100
_CHILD = (
    "import sys; sys.setrecursionlimit({limit}); "
    "from lit_tf.benchmark import memory; memory.answer({name!r})"
)


def check(settings: Settings) -> None:
    """Raises `SettingsError` where memory is asked for and cannot be read."""
    errors.require(
        not settings.memory or _STATUS.is_file(),
        f"`memory` needs {_STATUS}, which is Linux's.",
        memory=settings.memory,
    )


def measured(settings: Settings) -> dict[str, float]:
    """Measures the memory of teacher, student and phase `lit`.

    It is the host's, resident, above what the process has once everything is
    imported: its highest, and how much more there is after
    `settings.growth_steps` steps of phase `lit`.

    Args:
        settings: of the benchmark.

    Returns:
        `teacher_mib`, `student_step_mib`, `lit_step_mib`, `growth_mib`, and
        `ratio_of_memory`: lit ÷ (teacher + 1.5 × student).

    Raises:
        DataError: one of the processes broke off.
    """
    results = {}
    for name in ("teacher", "student_step", "lit_step"):
        answer = _asked(name, settings)
        results[f"{name}_mib"] = answer["peak_mib"]
        results["growth_mib"] = answer["growth_mib"]  # The last one's is kept.
    allowed = results["teacher_mib"] + 1.5 * results["student_step_mib"]
    return results | {"ratio_of_memory": results["lit_step_mib"] / allowed}


def words(results: dict[str, Any]) -> str:
    """Returns what was measured, in a sentence or two."""
    return (
        "Memory above the imports, at most: teacher {teacher_mib:,.0f} MiB, "
        "plain student {student_step_mib:,.0f} MiB, phase lit "
        "{lit_step_mib:,.0f} MiB.\nPhase lit ÷ (teacher + 1.5 × student): "
        "{ratio_of_memory:.2f}. Its growth over the steps: {growth_mib:+.1f} "
        "MiB."
    ).format(**results)


def answer(name: str) -> None:
    """Measures one piece in this process; prints JSON. The child's side."""
    before = _mib("VmRSS")
    settings = flatten.build(Settings, json.load(sys.stdin))
    growing = settings.growth_steps if name == "lit_step" else 0
    bench = Bench(settings, steps=_SETTLED + growing)
    with tf.device(bench.device):
        piece = pieces.PIECES[name](bench)
        for _ in range(_SETTLED):
            piece.call()
        settled = _mib("VmRSS")
        for _ in range(growing):
            piece.call()
    growth = _mib("VmRSS") - settled
    print(
        json.dumps({"peak_mib": _mib("VmHWM") - before, "growth_mib": growth})
    )


def _asked(name, settings):
    child = _CHILD.format(limit=sys.getrecursionlimit(), name=name)
    # A fresh process, not a fork: that would have all that this one has.
    done = subprocess.run(
        [sys.executable, "-c", child],
        input=json.dumps(flatten.flatten(settings)),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no word"]
        raise errors.DataError(
            f"The process that measures the memory of {name} broke off with "
            f"code {done.returncode} ({last[0][:200]})."
        )
    return json.loads(done.stdout.splitlines()[-1])


def _mib(field):
    # VmHWM is the highest of this program; what getrusage tells outlives exec.
    (kib,) = re.findall(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(), re.M)
    return int(kib) / 1024
