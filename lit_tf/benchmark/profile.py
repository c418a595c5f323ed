"""Time of a training step by type of TensorFlow operation."""

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
# The name of an op's event is its name and type: "student/dense/MatMul:MatMul".
_OP = re.compile(r"[\w.][\w./>-]*:(\w+)")


def check(settings: Settings, bench: Bench) -> None:
    """Checks that a profile is possible if the settings ask for it.

    Args:
        settings: the settings of the benchmark.
        bench: the bench, whose device is checked.

    Raises:
        SettingsError: if the device is not a CPU. The host's time of a GPU's op
            is only that of launching it.
    """
    errors.require(
        not settings.profile or bench.device.startswith("CPU"),
        "`profile` measures the ops of a CPU only. Use TensorBoard's profiler "
        "for other devices.",
        device=bench.device,
    )


def ops(step: Callable[[], object]) -> tuple[dict[str, float], float]:
    """Traces a few steps and adds up the time of each type of op.

    An op's time is that of its thread, without the ops nested in it. Ops run in
    several threads, so that the sum can be a multiple of the step's time. An op
    that distributes work to other threads includes the time it waits for them.

    Args:
        step: a function that takes one step and returns when it is done.

    Returns:
        The milliseconds per step by type of op, the largest first; and the
        milliseconds that a traced step took in all.
    """
    # Level 1 traces each op with the least overhead.
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
    """Returns the time of each span without the spans nested in it.

    Args:
        spans: (start, end, name) of each span of one thread. Two spans are
            either nested or disjoint.

    Returns:
        (name, time) of each span, in the order in which they end.
    """
    # An open span is [end, name, start, time in nested spans].
    done, open_ = [], []

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
    """Returns the ops that take the most time as a Markdown table.

    Args:
        ops_ms: the milliseconds per step by type of op, the largest first.
        traced_ms: the milliseconds that a traced step took in all.
    """
    whole = sum(ops_ms.values())
    rows = [("op of a LIT step", "ms", "share")]
    for name, each in [*ops_ms.items()][:_SHOWN]:
        rows.append((name, f"{each:,.2f}", f"{each / whole:.1%}"))
    rest = sum([*ops_ms.values()][_SHOWN:])
    rows.append(("all others", f"{rest:,.2f}", f"{rest / whole:.1%}"))
    return (
        f"{text_format.table(rows)}\n\n"
        f"{whole:,.2f} ms in all threads together. A traced step took "
        f"{traced_ms:,.2f} ms."
    )


def _spans(events, metadata):
    for event in events:
        op = _OP.fullmatch(metadata[event.metadata_id].name)
        if op:
            start = event.offset_ps
            yield start, start + event.duration_ps, op[1]
