"""Settings of the augmentation of images, beyond `pad` and `flip`."""

import dataclasses

from lit_tf.config.setting import AT_LEAST_1, FINITE, HALF, UNIT, Group, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation(Group):
    """Augmentation of training images; never of validation and test."""

    resized_crop: float = setting(
        0.0,
        "Smallest part of the area of a training image, in [0, 1], that a "
        "random crop keeps, which is resized to the image's size. Default: 0, "
        "no such crop.",
        check=UNIT,
    )
    color_jitter: float = setting(
        0.0,
        "Largest relative change, in [0, 1], of brightness, contrast and "
        "saturation of a training image, by layers of Keras. Default: 0, none.",
        check=UNIT,
    )
    hue: float = setting(
        0.0,
        "Largest change of the hue of a training image, as a fraction of the "
        "circle of colors in [0, 0.5], by a layer of Keras. For images of 3 "
        "channels. Default: 0, none.",
        check=HALF,
    )
    rand_augment: float = setting(
        0.0,
        "Strength, in [0, 1], of the operations of RandAugment on training "
        "images, such as 0.1, by layers of Keras. Default: 0, none.",
        check=UNIT,
    )
    rand_augment_operations: int = setting(
        2,
        "Number of operations of --rand_augment on each training image.",
        check=AT_LEAST_1,
    )
    mixup: float = setting(
        0.0,
        "α ≥ 0 of mixup: each training image is mixed with a random one of its "
        "batch, and so is its label; the share is drawn from Beta(α, α). "
        "Default: 0, no mixup.",
        check=FINITE,
    )
    cutmix: float = setting(
        0.0,
        "α ≥ 0 of CutMix: a rectangle of each training image is replaced by "
        "a random image of its batch, and as much of its label; the share of "
        "the rest is drawn from Beta(α, α). With --mixup too, each image has "
        "one of them. Default: 0, no CutMix.",
        check=FINITE,
    )

    @property
    def reads_layers(self) -> bool:
        """Whether layers of Keras augment images."""
        return bool(self.color_jitter or self.hue or self.rand_augment)

    @property
    def mixes(self) -> bool:
        """Whether examples of a batch are mixed."""
        return bool(self.mixup or self.cutmix)
