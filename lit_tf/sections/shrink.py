"""`shrink`: builds a student that is its teacher with fewer blocks."""

import numbers
from collections.abc import Sequence

import keras
import numpy as np

from lit_tf import config, errors
from lit_tf.sections import (
    copying,
    initial_weights,
    same_class,
    split,
)
from lit_tf.sections.block_costs import cheapest_enough
from lit_tf.sections.kept_blocks import find_blocks_of_sections, without
from lit_tf.sections.plan import plan
from lit_tf.sections.sectioned_model import SectionedModel


def shrink(
    teacher: keras.Model,
    *,
    keep: int | Sequence[int] = (),
    compression: float = 0.0,
    of: str = "flops",
    init: str = "fresh",
    sections: int | None = None,
) -> SectionedModel:
    """Builds a student that is its teacher with fewer blocks.

    The representations of teacher and student have the same shapes. Blocks are
    left out evenly: block j of the n that a section keeps is block
    round(j·(N − 1)/(n − 1)) of the teacher's N, counted from 0.

    Example:
    ```python
    import keras

    import lit_tf

    teacher = lit_tf.logits(keras.applications.ResNet50(weights=None))
    student = lit_tf.shrink(teacher, keep=(2, 2, 3, 2))
    half = lit_tf.shrink(teacher, compression=2)
    ```

    Args:
        teacher: a model with sections. Any other functional or sequential model
            is first cut where `plan` suggests.
        keep: number of blocks that each section keeps, from 1 to all; an
            integer for a single section.
        compression: cost of the teacher divided by the highest allowed cost of
            the student, > 1; an alternative to `keep`. Every section keeps
            about the same share of its blocks, and together they keep as many
            as the cost allows.
        of: the cost that `compression` reduces: "flops", "parameters" or
            "latency", which is measured here on a batch of 1. A warning names
            operations whose FLOPs cannot be counted.
        init: initial weights: "fresh", or "teacher_blocks" for those of the
            teacher's stem, head and kept blocks.
        sections: number of sections (see `plan`), each of which keeps a block;
            by default the teacher's, or those that `plan` suggests.

    Returns:
        A `SectionedModel` with its own weights, all layers of which are
        trainable. Its layers have the names of the teacher's, and
        `facts["blocks"]` is the number of blocks that each section keeps.

    Raises:
        SettingsError: if no block can be left out; `compression` cannot be
            reached, in which case the message states the highest possible one;
            both or neither of `keep` and `compression` are passed; or one of
            them is out of range.
    """
    config.check_one_of(config.INITS, init=init)
    config.check_one_of(config.COMPRESSION_OF, of=of)
    keep = block_counts(keep)
    compression = 0.0 if compression is None else compression
    errors.require(
        isinstance(compression, numbers.Real),
        "`compression` must be a number.",
        compression=compression,
    )
    errors.require(
        bool(keep) != bool(compression),
        "Pass either `keep` or `compression`.",
        keep=keep,
        compression=compression,
    )
    teacher = with_sections(teacher, sections=sections)
    chains = find_blocks_of_sections(teacher)
    if keep:
        _check_keep(chains, keep)
    else:
        keep = cheapest_enough(teacher, chains, compression, of)
    shared = without(teacher, chains, keep)
    student = same_class.build(teacher.source, shared, sum(keep))
    if student is None:
        # All layers of a new student are trained, also those that are frozen in
        # the teacher.
        student = copying.copy_model(shared, thaw=True, weights=False)
    if init == "teacher_blocks":
        initial_weights.copy_blocks(teacher, student)
        initial_weights.copy_ends(teacher, student)
    return student


def block_counts(keep: int | Sequence[int] | None) -> tuple[int, ...]:
    """Returns the number of blocks that each section keeps, as a tuple.

    Args:
        keep: one number for each section, or one for a single section; None for
            none.

    Raises:
        SettingsError: if these are no whole numbers.
    """
    counts = keep.tolist() if isinstance(keep, np.ndarray) else keep
    if counts is None:
        counts = ()
    elif isinstance(counts, numbers.Integral):
        counts = (counts,)
    errors.require(
        isinstance(counts, Sequence)
        and all(
            isinstance(n, numbers.Integral) and not isinstance(n, bool)
            for n in counts
        ),
        "`keep` must be a whole number, or one for each section.",
        keep=keep,
    )
    return tuple(map(int, counts))


def with_sections(
    model: keras.Model,
    cuts: Sequence[str] = (),
    sections: int | None = None,
) -> SectionedModel:
    """Returns a model with sections; a model without sections is cut.

    Args:
        model: functional or sequential.
        cuts: names of layers, as in `split`; where `plan` suggests by default.
        sections: number of sections, instead of `cuts`; 0 or None as `plan`
            suggests.

    Raises:
        SettingsError: if the model cannot be cut at `cuts`, or `plan` finds no
            cuts.
    """
    if not cuts:
        if isinstance(model, SectionedModel) and not sections:
            return model
        suggestion = plan(model, sections or None)
        cuts = suggestion.cuts
        errors.require(
            bool(cuts),
            "Only a model that repeats blocks can be made shallower. "
            f"{suggestion.note}",
            model=model.name,
        )
    return split.split(model, cuts)


def _check_keep(chains, keep):
    counts = [chain.count for chain in chains]
    errors.require(
        len(keep) == len(chains)
        and all(
            1 <= n <= max(1, count)
            for n, count in zip(keep, counts, strict=True)
        ),
        "`keep` must have one number for each section, at least 1 and at most "
        f"its number of blocks: {', '.join(map(str, counts))}.",
        keep=tuple(keep),
    )
