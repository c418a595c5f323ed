"""Settings of training: losses, baselines, the frozen teacher, StarGAN."""

import dataclasses

from lit_tf import errors
from lit_tf.config import choices
from lit_tf.config.setting import (
    AT_LEAST_1,
    BELOW_1,
    FINITE,
    POSITIVE,
    UNIT,
    Group,
    setting,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss(Group):
    """The loss of LIT (paper, section 3; `docs/method.md`)."""

    penalty: str = setting(
        "l2",
        "Distance between two representations, averaged over all elements. "
        "l2_normalized is l2 divided by the mean square of the teacher's "
        "representation.",
        choices=choices.PENALTIES,
    )
    alpha: float = setting(
        0.95,
        "Weight of the hard loss (labels) in the KD loss, in [0, 1]; the soft "
        "loss (teacher's outputs) has weight 1 − alpha.",
        check=UNIT,
        common=True,
    )
    temperature: float = setting(
        6.0,
        "Divisor of the logits of teacher and student in the soft loss, above "
        "0. The soft loss is multiplied by its square.",
        check=POSITIVE,
        common=True,
    )
    beta: float = setting(
        0.75,
        "Weight of the KD loss in phase lit, in [0, 1]; the sum of the "
        "sections' penalties has weight 1 − beta. Default on the command line: "
        "0.75; for image translation 0.",
        check=UNIT,
        common=True,
    )
    falling_beta: bool = setting(
        False, "Decrease beta linearly from --beta to 0 over phase lit."
    )
    section_input: str = setting(
        "teacher",
        "Input of each student section when its penalty is computed: the "
        "teacher's representation (teacher, as in LIT), the student's own "
        "(student), or for each example the teacher's with a probability that "
        "falls from 1 to 0 over phase lit (mixed).",
        choices=choices.SECTION_INPUTS,
    )
    connector: str = setting(
        "none",
        "Layer that maps representations with different numbers of channels "
        "onto each other in phase lit. conv1x1: a trained 1×1 convolution "
        "each, removed after the phase. A narrower student also needs its own "
        "stem and head: --nocopy_ends.",
        choices=choices.CONNECTORS,
    )

    def __post_init__(self):
        super().__post_init__()
        errors.require(
            self.beta > 0 or not self.falling_beta,
            "`falling_beta` decreases `beta`, which is 0 already.",
            beta=self.beta,
        )


def check_loss(alpha: float, temperature: float, beta: float) -> None:
    """Checks the three weights of the loss.

    Raises:
        SettingsError: if one of them is out of its range.
    """
    Loss(alpha=alpha, temperature=temperature, beta=beta)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Baselines(Group):
    """Settings that only one baseline reads (see `method_table`)."""

    generations: int = setting(
        1,
        "Number of students that method born_again trains one after the "
        "other. Each runs both phases with the one before as its teacher.",
        check=AT_LEAST_1,
    )
    sparsity: float = setting(
        1e-4,
        "Weight, at least 0, of the L1 penalty on the prunable BatchNorm "
        "scales in phase lit of method network_slimming.",
        check=FINITE,
    )
    pruned_channels: float = setting(
        0.0,
        "Fraction of channels, in [0, 1), that method network_slimming prunes "
        "after phase lit. Default: 0, as many as leave the FLOPs of "
        "--student.",
        check=BELOW_1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frozen(Group):
    """Settings of the frozen teacher (`lit_tf/teacher/`)."""

    teacher_dtype: str = setting(
        "auto",
        "Precision of the frozen teacher. auto: float32 with "
        "--dtype=float32, otherwise the half precision that is fast on the "
        "device.",
        choices=choices.TEACHER_DTYPES,
    )
    teacher_cache: str = setting(
        "off",
        "Where the teacher's outputs are cached, so that each view of an "
        "example is computed once: in memory, or on disk, where other runs "
        "reuse them. The size is printed before the cache is filled. auto: on "
        "disk if that saves time within this run, which is measured; else off.",
        choices=choices.TEACHER_CACHES,
    )
    teacher_cache_views: int = setting(
        4,
        "Number of augmented views of each training example for which the "
        "teacher's outputs are cached. Successive epochs use them in turn.",
        check=AT_LEAST_1,
    )

    @property
    def requires_cache(self) -> bool:
        """Whether the outputs are cached without a measurement before."""
        return self.teacher_cache not in ("off", "auto")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversarial(Group):
    """Training of a generator against a discriminator (StarGAN)."""

    discriminator_width: int = setting(
        64,
        "Number of filters of the first convolution of a new discriminator; "
        "each later convolution has twice as many.",
        check=AT_LEAST_1,
    )
    discriminator_depth: int = setting(
        6,
        "Number of convolutions of a new discriminator that halve the image. "
        "The image's side must be a multiple of 2 to this power.",
        check=AT_LEAST_1,
    )
    discriminator_steps: int = setting(
        5,
        "Number of discriminator steps, each on its own batch, per generator "
        "step, where the discriminator is trained.",
        check=AT_LEAST_1,
    )
    lambda_cls: float = setting(
        1.0,
        "Weight of the attribute classification loss of generator and "
        "discriminator.",
        check=FINITE,
    )
    lambda_rec: float = setting(
        10.0,
        "Weight of the generator's reconstruction loss.",
        check=FINITE,
    )
    lambda_gp: float = setting(
        10.0,
        "Weight of the discriminator's gradient penalty.",
        check=FINITE,
    )
