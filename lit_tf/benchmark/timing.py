"""The time of a LIT step, its parts and its limits: `lit-benchmark`."""

import statistics
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from lit_tf.benchmark import memory, own_model_bench, pieces, profile
from lit_tf.benchmark.settings import Settings
from lit_tf.config import flatten
from lit_tf.experiment import hardware
from lit_tf.sections import cost
from lit_tf.utils import text_format, versions

_WARM_UP = 3  # Rounds that are not timed; the first one compiles.
_LABELS = {
    "matmul": "matrix product",
    "input": "input pipeline alone",
    "cached_input": "… with cached outputs",
    "teacher": "frozen teacher, forward",
    "student_step": "plain student step",
    "sections": "sections 2 … K alone",
    "lit_step": "LIT step",
    "cached_step": "LIT step, teacher cached",
    "fine_tune_step": "fine-tune step",
    "peer_step": "keras.distillation step",
    "peer_on_ours_step": "… with faster layers",
}


def run(settings: Settings) -> dict[str, Any]:
    """Times phase `lit` and its parts; prints and returns the results.

    The pieces run in turns in one process, so that a machine that becomes
    slower affects all of them. The time of a piece is the median after a
    warm-up.

    Args:
        settings: the settings of the benchmark.

    Returns:
        `NAME_ms` of each of `pieces.PIECES`; `limit_ms`, `ratio_to_limit`,
        `ratio_to_peer`, `ratio_to_matmul` and `ratio_of_cached` (cached ÷ not
        cached, including the input); `step_gflops` (10⁹ FLOPs of a LIT step)
        and `matmul_gflops` (10⁹ FLOPs per second); the settings, hardware and
        versions. With `settings.memory` also the results of
        `memory.measured`, with `settings.profile` also `ops_ms` and
        `traced_step_ms`.

    Raises:
        SettingsError: if a setting is invalid.
        DataError: if the dataset's files are missing or damaged.
    """
    bench = own_model_bench.bench_of(settings)
    memory.check(settings)
    profile.check(settings, bench)
    machine = hardware.found() | {
        "device": bench.device,
        "threads": cost.threads(),
    }
    print(_headline(settings, machine, bench), flush=True)
    with tf.device(bench.device):
        table, missing = _made(bench)
        seconds = _timed(table, settings.steps)
        counts = {name: piece.flops() for name, piece in table.items()}
        flops = {name: count.flops for name, count in counts.items()}
        results = _ratios(seconds, flops)
        print(f"\n{_table(table, seconds, flops)}\n\n{_words(results)}")
        for name, reason in missing.items():
            print(f"{_LABELS[name].removeprefix('… ')}: not timed. {reason}")
        uncounted = set().union(*(c.uncounted for c in counts.values()))
        if uncounted:
            print(cost.note(uncounted))
        if settings.profile:
            ops, traced = profile.ops(table["lit_step"].call)
            results |= {"ops_ms": ops, "traced_step_ms": traced}
            print(f"\n{profile.table(ops, traced)}")
    if settings.memory:
        results |= memory.measured(settings)
        print(f"\n{memory.words(results)}")
    unread = ("teacher", "student") if settings.teacher_weights else ()
    return results | {
        "batch_size": bench.images,
        "dtype": settings.dtype,
        "jit_compile": bench.jit_compile,
        "settings": flatten.flatten(settings)
        | dict.fromkeys(unread)
        | {
            "dataset": bench.dataset.name,
            "data": "real" if settings.real else "random",
        },
        "hardware": machine,
        "versions": versions.installed(),
    }


def _made(bench):
    """Returns the pieces, and why others do not exist, by name."""
    table, missing = {}, {}
    for name, make in pieces.PIECES.items():
        try:
            table[name] = make(bench)
        except pieces.NotTimedError as error:
            missing[name] = str(error)
    return table, missing


def _timed(table: Mapping[str, pieces.Piece], rounds: int) -> dict[str, float]:
    times = {name: [] for name in table}
    for turn in range(_WARM_UP + rounds):
        for name, piece in table.items():
            start = time.perf_counter()
            piece.call()
            if turn >= _WARM_UP:
                spent = time.perf_counter() - start
                times[name].append(spent / piece.times)
    return {name: statistics.median(each) for name, each in times.items()}


def _ratios(seconds, flops):
    results = {f"{name}_ms": None for name in pieces.PIECES}
    results |= {f"{name}_ms": 1000 * each for name, each in seconds.items()}
    results["limit_ms"] = (
        results["teacher_ms"]
        + results["student_step_ms"]
        + results["sections_ms"]
    )
    results["matmul_gflops"] = flops["matmul"] / seconds["matmul"] / 1e9
    results["step_gflops"] = flops["lit_step"] / 1e9
    least = 1000 * results["step_gflops"] / results["matmul_gflops"]
    return results | {
        "ratio_to_limit": results["lit_step_ms"] / results["limit_ms"],
        "ratio_to_peer": _ratio(
            [results["peer_step_ms"]], [results["lit_step_ms"]]
        ),
        "ratio_of_cached": _ratio(
            [results["cached_step_ms"], results["cached_input_ms"]],
            [results["lit_step_ms"], results["input_ms"]],
        ),
        "ratio_to_matmul": results["lit_step_ms"] / least,
    }


def _ratio(above, below):
    """Returns the ratio of two sums; None if a time is missing."""
    return None if None in above else sum(above) / sum(below)


def _headline(settings, machine, bench):
    return (
        f"{bench.title}, batch {bench.images}, {settings.dtype}, XLA "
        f"{'on' if bench.jit_compile else 'off'}\n"
        f"{machine['device']} of {machine['processor']}, {machine['cores']} "
        f"cores, {machine['threads']} threads"
        + "".join(f", {gpu}" for gpu in machine["gpus"])
        + "; "
        + ", ".join(f"{name} {v}" for name, v in versions.installed().items())
        + f"\nMedians of {settings.steps} rounds after {_WARM_UP}. Steps take "
        "batches from memory."
    )


def _table(table, seconds, flops):
    rows = [("", "ms", "examples/s", "GFLOP", "GFLOP/s")]
    for name, piece in table.items():
        each = piece.images / piece.times / seconds[name]
        giga = flops[name] / 1e9
        rows.append(
            (
                _LABELS[name],
                f"{1000 * seconds[name]:,.2f}",
                f"{each:,.0f}" if each else "—",
                f"{giga:,.2f}" if giga else "—",
                f"{giga / seconds[name]:,.1f}" if giga else "—",
            )
        )
    return text_format.table(rows)


def _words(results):
    lines = [
        "LIT step ÷ limit: {ratio_to_limit:.2f}. The limit, {limit_ms:,.2f} "
        "ms, is teacher + plain student step + sections 2 … K alone."
    ]
    if results["ratio_to_peer"]:
        lines.append("keras.distillation step ÷ LIT step: {ratio_to_peer:.2f}.")
    if results["ratio_of_cached"]:
        lines.append(
            "LIT step with ÷ without teacher cache, input included: "
            "{ratio_of_cached:.2f}."
        )
    lines.append(
        "LIT step ÷ time of its {step_gflops:,.2f} GFLOP at the speed of the "
        "matrix product: {ratio_to_matmul:.2f}."
    )
    return "\n".join(lines).format(**results)
