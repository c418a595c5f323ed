"""`Plan`: the parts of a model, and a table of them."""

import dataclasses
import functools
from collections.abc import Sequence

import keras

from lit_tf import errors
from lit_tf.sections import block_search, cost, plan_text
from lit_tf.sections.kept_blocks import find_blocks_of_sections
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.sections.students import Students, students_of


@dataclasses.dataclass(frozen=True)
class Part:
    """A stem, a section or a head.

    Args:
        name: "stem", "section 1", …, "head", or "model".
        ends: name of the layer that computes its output.
        shape: shape of this output, without the batch.
        blocks: number of blocks.
        spare: number of blocks that can be left out.
        model: the part as a model.
        block_ends: names of the layers that compute the outputs of its blocks,
            at which the model can be cut by hand.
    """

    name: str
    ends: str
    shape: tuple[int | None, ...]
    blocks: int
    spare: int
    model: keras.Model = dataclasses.field(repr=False)
    block_ends: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of weights, moving statistics included."""
        return cost.parameters(self.model)

    @property
    def flops(self) -> int | None:
        """2 × multiply-adds per example; None if a shape is unknown."""
        return self._count.flops if self._count else None

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The types of the operations that `flops` leaves out."""
        return self._count.uncounted if self._count else ()

    @functools.cached_property
    def _count(self):
        shapes = [t.shape[1:] for t in self.model.inputs]
        if any(size is None for shape in shapes for size in shape):
            return None
        return cost.count_flops(self.model)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parts of a model, and where it is cut. `print` shows a table.

    Args:
        model: name of the model.
        cuts: names of layers, as `split` takes them; () if no block can be left
            out, or if the model has sections already.
        parts: stem, sections and head, or the whole model if there are no cuts.
        note: reason why no block can be left out; "" if some can.
        sectioned: the model with its sections; None if it has none.
    """

    model: str
    cuts: tuple[str, ...]
    parts: tuple[Part, ...]
    note: str = ""
    sectioned: SectionedModel | None = dataclasses.field(
        default=None, repr=False, compare=False
    )

    def students(self) -> Students:
        """Returns all students that a compression can choose.

        `print` shows a table of their blocks, FLOPs and parameters.

        Raises:
            SettingsError: if no block can be left out.
        """
        errors.require(
            self.sectioned is not None,
            f"Only a model that repeats blocks has students. {self.note}",
            model=self.model,
        )
        return students_of(self.sectioned)

    def __str__(self) -> str:
        return plan_text.table(self)

    __repr__ = __str__


def whole(model: keras.Model, *, note: str) -> Plan:
    """Returns the plan of a model without sections.

    Args:
        model: functional or sequential.
        note: reason why no block can be left out.
    """
    return Plan(model.name, (), (_part("model", model),), note)


def of_sections(
    model: SectionedModel,
    *,
    cuts: Sequence[str] = (),
    block_ends: Sequence[Sequence[str]] = (),
) -> Plan:
    """Returns the plan of a model with sections.

    Args:
        model: a model with sections.
        cuts: names of the layers where it was cut; () if it was not.
        block_ends: names of the layers in which the blocks of each section
            end; () if they are not layers of a whole model.
    """
    parts = [_part("stem", model.stem)]
    chains = find_blocks_of_sections(model)
    for k, (section, chain, ends) in enumerate(
        zip(
            model.sections,
            chains,
            block_ends or [()] * len(chains),
            strict=True,
        ),
        1,
    ):
        parts.append(_part(f"section {k}", section, chain, ends))
    parts.append(_part("head", model.head))
    return Plan(model.name, tuple(cuts), tuple(parts), sectioned=model)


def _part(name, model, chain=None, block_ends=()):
    chain = chain or block_search.find_blocks(model)
    # The first output of a stem is the representation.
    end, *_ = keras.tree.flatten(chain.graph.outputs)
    return Part(
        name=name,
        ends=chain.graph.names[end],
        shape=tuple(chain.graph.tensors[end].shape[1:]),
        blocks=chain.count,
        spare=max(0, chain.count - 1),
        model=model,
        block_ends=tuple(block_ends),
    )
