"""Where the time of a step goes, by op."""

import collections
import pathlib
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from lit_tf import errors
from lit_tf.benchmark.bench import Bench
from lit_tf.benchmark.settings import Settings
from lit_tf.utils import text_format

_STEPS = 5
_SHOWN = 20
# An op's event bears its name and its type: "student/dense/MatMul:MatMul".
_OP = re.compile(r"[\w.][\w./>-]*:(\w+)")


def check(settings: Settings, bench: Bench) -> None:
    """Raises `SettingsError` where a profile is asked for and is no use.

    What the host spends on an op of a GPU is the time to launch it.
    """
    errors.require(
        not settings.profile or bench.device.startswith("CPU"),
        "`profile` tells the ops of a CPU; for others, `tensorboard` does.",
        device=bench.device,
    )


def ops(step: Callable[[], object]) -> tuple[dict[str, float], float]:
    """Traces a few steps and adds up what each type of op takes.

    An op's time is what a thread spends in it and in no op within it; as
    several threads run ops, their sum is that many times a step's time at most.
    What an op hands on to other threads is in the time that it waits for them.

    Args:
        step: takes one step, and returns when it is done.

    Returns:
        Milliseconds a step by type of op, the largest first, and those that a
        step took while it was traced.
    """
    # Level 1 has every op, and disturbs least.
    options = tf.profiler.experimental.ProfilerOptions(
        host_tracer_level=1, python_tracer_level=0
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, options)
        start = time.perf_counter()
        for _ in range(_STEPS):
            step()
        spent = time.perf_counter() - start
        tf.profiler.experimental.stop()
        (file,) = pathlib.Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    total: dict[str, float] = collections.defaultdict(float)
    for plane in space.planes:
        for line in plane.lines:
            spans = _spans(line.events, plane.event_metadata)
            for kind, picoseconds in own_times(spans):
                total[kind] += picoseconds / 1e9 / _STEPS
    largest = dict(sorted(total.items(), key=lambda item: -item[1]))
    return largest, 1000 * spent / _STEPS


def own_times(
    spans: Iterable[tuple[int, int, str]],
) -> list[tuple[str, int]]:
    """Returns of spans of one thread the time that is in none within them.

    Args:
        spans: (start, end, name), which contain one another or are apart.
    """
    done, open_ = [], []  # Open ones: [end, name, time in those within].

    def close(until):
        while open_ and open_[-1][0] <= until:
            end, name, start, within = open_.pop()
            done.append((name, end - start - within))
            if open_:
                open_[-1][3] += end - start

    for start, end, name in sorted(spans, key=lambda s: (s[0], -s[1])):
        close(start)
        open_.append([end, name, start, 0])
    close(float("inf"))
    return done


def table(ops_ms: Mapping[str, float], traced_ms: float) -> str:
    """Returns the ops that take most, as a Markdown table."""
    whole = sum(ops_ms.values())
    rows = [("op of a LIT step", "ms", "share")]
    for name, each in [*ops_ms.items()][:_SHOWN]:
        rows.append((name, f"{each:,.2f}", f"{each / whole:.1%}"))
    rest = sum([*ops_ms.values()][_SHOWN:])
    rows.append(("all others", f"{rest:,.2f}", f"{rest / whole:.1%}"))
    return (
        f"{text_format.table(rows)}\n\n"
        f"{whole:,.2f} ms in all threads together; the steps that were traced "
        f"took {traced_ms:,.2f} ms."
    )


def _spans(events, metadata):
    for event in events:
        op = _OP.fullmatch(metadata[event.metadata_id].name)
        if op:
            start = event.offset_ps
            yield start, start + event.duration_ps, op[1]
