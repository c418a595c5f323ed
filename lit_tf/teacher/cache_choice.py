"""The choice of `--teacher_cache=auto`: whether a cache saves time in a run."""

import dataclasses

from lit_tf.utils import text_format

# Of the free room, what a cache may take: the run writes other files too.
_ROOM = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Need:
    """What a cache needs, of which a part may be stored already.

    Args:
        size: bytes that are not yet stored.
        free: bytes that are available where it is stored.
        place: where it is stored, for messages.
        teacher_seconds: the teacher's time for one example.
        fill_seconds: the teacher's time for the examples not yet stored.
        bytes_by_part: bytes of one example by what is stored: of the
            "output", and of the "representations" together.
    """

    size: int
    free: int
    place: str
    teacher_seconds: float
    fill_seconds: float
    bytes_by_part: dict[str, int]

    @property
    def fits(self) -> bool:
        """Whether there is room for it, and for what else a run writes."""
        return self.size <= _ROOM * self.free


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


def no_room(need: Need) -> str:
    """Returns the sentence on a cache that there is no room for."""
    return (
        f"no cache of the teacher's outputs: it needs "
        f"{text_format.size(need.size)}, and {need.place} has "
        f"{text_format.size(need.free)} free, of which a cache may take "
        f"{100 * _ROOM:.0f} %"
    )


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
        return "off", no_room(need)
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
