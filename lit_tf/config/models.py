"""Settings of the models: a student made from the teacher, and widths."""

import dataclasses
import math

from lit_tf import errors
from lit_tf.config import choices
from lit_tf.config.setting import Check, Group, setting

_OWN = Check("≥ 1, or 0 for the architecture's own", lambda value: value >= 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shrink(Group):
    """A student that is its teacher with fewer blocks (`sections/shrink`)."""

    compression: float = setting(
        0.0,
        "Make the student from the teacher by removing blocks evenly until it "
        "is this many times cheaper, instead of --student. Above 1; 0 for no "
        "such student.",
        check=Check(
            "> 1, or 0 for none",
            lambda value: value == 0 or 1 < value < math.inf,
        ),
        common=True,
    )
    compression_of: str = setting(
        "flops",
        "Cost that --compression reduces: FLOPs, parameters, or the latency "
        "measured on this machine.",
        choices=choices.COMPRESSION_OF,
    )
    keep: tuple[int, ...] = setting(
        (),
        "Number of blocks that each section of the student keeps, such as "
        "2,3,2; instead of --compression.",
        check=Check(
            "numbers of blocks of each section, at least 1",
            lambda value: all(count >= 1 for count in value),
        ),
    )
    cuts: tuple[str, ...] = setting(
        (),
        "Names of the layers after which a teacher without sections is cut: "
        "the last layer of the stem, then of each section. Default: the "
        "layers that lit_tf.plan chooses.",
    )
    sections: int = setting(
        0,
        "Number of sections into which the teacher is cut, instead of --cuts; "
        "each keeps at least one block. Default: 0, one for each row of blocks "
        "of one shape.",
        check=Check(
            "≥ 1, or 0 for one of each shape", lambda value: value >= 0
        ),
    )

    def __post_init__(self):
        super().__post_init__()
        errors.require(
            not (self.keep and self.compression),
            "Pass either `keep` or `compression`, not both: each determines "
            "the number of blocks.",
            keep=self.keep,
            compression=self.compression,
        )
        errors.require(
            not (self.cuts and self.sections),
            "Pass either `cuts` or `sections`, not both.",
            cuts=self.cuts,
            sections=self.sections,
        )

    @property
    def requested(self) -> bool:
        """Whether the student is made from the teacher."""
        return bool(self.keep or self.compression)

    @property
    def measured(self) -> bool:
        """Whether the student depends on a latency measured on this machine."""
        return bool(self.compression) and self.compression_of == "latency"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture(Group):
    """Options of built-in architectures, except their depths."""

    width: int = setting(
        0,
        "Number of filters of the first convolution, which determines the "
        "other widths of the architecture. Default: 0, the architecture's own "
        "(16 for resnet and resnext, 64 for vdcnn and stargan).",
        check=_OWN,
    )
    cardinality: int = setting(
        0,
        "Number of groups of each 3×3 convolution of a ResNeXt. Default: 0, "
        "the architecture's own (8).",
        check=_OWN,
    )

    @property
    def options(self) -> dict[str, int]:
        """The builder's arguments that differ from the architecture's own."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value}
