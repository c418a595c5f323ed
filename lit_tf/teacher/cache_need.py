"""`Need`: what a cache of a teacher's outputs needs, in bytes and seconds."""

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

    @property
    def no_room(self) -> str:
        """The sentence on a cache that there is no room for."""
        return (
            f"no cache of the teacher's outputs: it needs "
            f"{text_format.size(self.size)}, and {self.place} has "
            f"{text_format.size(self.free)} free, of which a cache may take "
            f"{100 * _ROOM:.0f} %"
        )
