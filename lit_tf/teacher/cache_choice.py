"""The choice of `--teacher_cache=auto`: whether a cache saves time in a run."""

import dataclasses

from lit_tf.teacher.cache_need import Need
from lit_tf.utils import text_format


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reading:
    """The steps of a phase that would read a cache.

    Args:
        steps: number of steps.
        step_seconds: time of a step in which the teacher runs.
        batch_size: number of examples of a step.
        example_bytes: bytes that are read for one example.
    """

    steps: int
    step_seconds: float
    batch_size: int
    example_bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Disk:
    """Speed of a disk in bytes per second."""

    write: float
    read: float


def choose(need: Need, phases: list[Reading], disk: Disk) -> tuple[str, str]:
    """Decides whether a cache on disk saves time.

    With a cache, the teacher's time is taken off a step, and batches are read
    while earlier steps run: a step takes the longer of both.

    Args:
        need: what the cache needs.
        phases: the phases that would read it.
        disk: the speed of the disk.

    Returns:
        "disk" or "off", and a sentence with the times.
    """
    if not need.fits:
        return "off", need.no_room
    live = sum(phase.steps * phase.step_seconds for phase in phases)
    cached = sum(
        phase.steps
        * max(
            phase.step_seconds - phase.batch_size * need.teacher_seconds,
            phase.batch_size * phase.example_bytes / disk.read,
        )
        for phase in phases
    )
    fill = need.fill_seconds + need.size / disk.write
    times = (
        f"filling it takes about {text_format.duration(fill)} and "
        f"{text_format.size(need.size)}, and training then "
        f"{text_format.duration(cached)} in place of "
        f"{text_format.duration(live)}"
    )
    if fill + cached < live:
        return "disk", f"the teacher's outputs are cached: {times}"
    return "off", f"no cache of the teacher's outputs: {times}"
