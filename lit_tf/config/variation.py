"""Settings of the variation of training images, beyond `pad` and `flip`."""

import dataclasses

from lit_tf.config.setting import FINITE, Group, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variation(Group):
    """Variation of training images; validation and test are never varied."""

    mixup: float = setting(
        0.0,
        "α ≥ 0 of mixup: each training image is mixed with another one of its "
        "batch, and so is its label; the share is drawn from Beta(α, α). "
        "Default: 0, no mixup.",
        check=FINITE,
    )
    cutmix: float = setting(
        0.0,
        "α ≥ 0 of CutMix: a rectangle of each training image is replaced by "
        "another image of its batch, and as much of its label; the share of "
        "the rest is drawn from Beta(α, α). With --mixup too, each image has "
        "one of them. Default: 0, no CutMix.",
        check=FINITE,
    )

    @property
    def mixes(self) -> bool:
        """Whether examples of a batch are mixed."""
        return bool(self.mixup or self.cutmix)
