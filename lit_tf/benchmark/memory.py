"""Memory of phase `lit`, with each piece measured in its own process."""

import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import tensorflow as tf

from lit_tf import errors
from lit_tf.benchmark import own_model_bench, pieces
from lit_tf.benchmark.settings import Settings
from lit_tf.config import flatten

_STATUS = pathlib.Path("/proc/self/status")
# Steps after which memory is assumed to be constant.
_WARM_UP = 100
_CHILD = (
    "import sys; sys.setrecursionlimit({limit}); "
    "from lit_tf.benchmark import memory; memory.print_measured({name!r})"
)


def check(settings: Settings) -> None:
    """Checks that memory can be measured if the settings ask for it.

    Raises:
        SettingsError: if the operating system does not report memory.
    """
    errors.require(
        not settings.memory or _STATUS.is_file(),
        f"`memory` reads {_STATUS}, which exists only on Linux.",
        memory=settings.memory,
    )


def measured(settings: Settings) -> dict[str, float]:
    """Measures the memory of teacher, student and phase `lit`.

    Resident memory of the host is measured, above that of the process after
    its imports: the maximum of each piece, and the growth over
    `settings.growth_steps` steps of phase `lit`.

    Args:
        settings: the settings of the benchmark.

    Returns:
        `teacher_mib`, `student_step_mib`, `lit_step_mib` and `growth_mib` in
        MiB, and `ratio_of_memory`: lit ÷ (teacher + 1.5 × student).

    Raises:
        DataError: if a process failed.
    """
    results = {}
    for name in ("teacher", "student_step", "lit_step"):
        peak_and_growth = _measure_in_process(name, settings)
        results[f"{name}_mib"] = peak_and_growth["peak_mib"]
        results["growth_mib"] = peak_and_growth[
            "growth_mib"
        ]  # Of the last one.
    allowed = results["teacher_mib"] + 1.5 * results["student_step_mib"]
    return results | {"ratio_of_memory": results["lit_step_mib"] / allowed}


def words(results: dict[str, Any]) -> str:
    """Formats the results of `measured` as sentences."""
    return (
        "Maximum memory above the imports: teacher {teacher_mib:,.0f} MiB, "
        "plain student {student_step_mib:,.0f} MiB, phase lit "
        "{lit_step_mib:,.0f} MiB.\nPhase lit ÷ (teacher + 1.5 × student): "
        "{ratio_of_memory:.2f}. Growth of phase lit over the steps: "
        "{growth_mib:+.1f} MiB."
    ).format(**results)


def print_measured(name: str) -> None:
    """Measures one piece in this process and prints JSON.

    The child process of `measured` calls it, with the settings as JSON on its
    standard input.

    Args:
        name: the name of the piece.
    """
    before = _mib("VmRSS")
    settings = flatten.build(Settings, json.load(sys.stdin))
    growing = settings.growth_steps if name == "lit_step" else 0
    bench = own_model_bench.bench_of(settings, steps=_WARM_UP + growing)
    with tf.device(bench.device):
        piece = pieces.PIECES[name](bench)
        for _ in range(_WARM_UP):
            piece.call()
        settled = _mib("VmRSS")
        for _ in range(growing):
            piece.call()
    growth = _mib("VmRSS") - settled
    print(
        json.dumps({"peak_mib": _mib("VmHWM") - before, "growth_mib": growth})
    )


def _measure_in_process(name, settings):
    child = _CHILD.format(limit=sys.getrecursionlimit(), name=name)
    # A fork would already have the memory of this process.
    done = subprocess.run(
        [sys.executable, "-c", child],
        input=json.dumps(flatten.flatten(settings)),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise errors.DataError(
            f"The process that measures the memory of {name} failed with exit "
            f"code {done.returncode} ({last[0][:200]})."
        )
    return json.loads(done.stdout.splitlines()[-1])


def _mib(field):
    # VmHWM is the maximum of this program. The maximum that getrusage reports
    # includes the program before exec.
    (kib,) = re.findall(
        rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(encoding="utf-8"), re.M
    )
    return int(kib) / 1024
