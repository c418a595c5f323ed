"""`plan`: finds where to cut a model and which blocks can be left out."""

import dataclasses
import functools
import itertools

import keras

from lit_tf.sections import blocks, cost, split
from lit_tf.sections.functional import read_graph
from lit_tf.utils import text_format


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
    """

    name: str
    ends: str
    shape: tuple[int | None, ...]
    blocks: int
    spare: int
    model: keras.Model = dataclasses.field(repr=False)

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
    """Suggested cuts of a model. `print` shows a table.

    Args:
        model: name of the model.
        cuts: names of layers, as `split` takes them; () if no block can be left
            out.
        parts: stem, sections and head, or the whole model if there are no cuts.
        note: reason why no block can be left out; "" if some can.
    """

    model: str
    cuts: tuple[str, ...]
    parts: tuple[Part, ...]
    note: str = ""

    def __str__(self) -> str:
        return _table(self)

    __repr__ = __str__


def plan(model: keras.Model) -> Plan:
    """Finds where to cut a model, and how many blocks each section has.

    A model can be cut where a single tensor passes. Between cuts of one shape
    there are blocks that can be left out. A section is a row of such blocks,
    with the layers that lead to it from the row before. The stem leads to the
    first row; the head follows the last row.

    Example:
    ```python
    import keras

    import lit_tf

    model = lit_tf.logits(keras.applications.ResNet50(weights=None))
    plan = lit_tf.plan(model)
    print(plan)  # A table: blocks, parameters and FLOPs of each part.
    sectioned = lit_tf.split(model, plan.cuts)
    ```

    Args:
        model: functional or sequential. Sections that the model already has are
            ignored.

    Returns:
        A `Plan` with the names of the layers to cut at and a table of the
        parts.

    Raises:
        SettingsError: if the model is subclassed, so that its graph is unknown.
    """
    graph = read_graph(model)
    chain = blocks.find_blocks_in_graph(graph)
    rows = _worthwhile(graph, chain.rows)
    if not rows:
        return Plan(model.name, (), (_part("model", model),), _why(graph))
    numbers = [_first(rows[0]), *(row.blocks[-1].end for row in rows)]
    cuts = tuple(graph.names[number] for number in numbers)
    cut = split.split(model, cuts)
    sections = [
        _part(f"section {k}", section)
        for k, section in enumerate(cut.sections, 1)
    ]
    ends = _part("stem", cut.stem), _part("head", cut.head)
    return Plan(model.name, cuts, (ends[0], *sections, ends[1]))


def _part(name, model):
    chain = blocks.find_blocks(model)
    *_, last = keras.tree.flatten(chain.graph.outputs)
    return Part(
        name=name,
        ends=chain.graph.names[last],
        shape=tuple(chain.graph.tensors[last].shape[1:]),
        blocks=chain.count,
        spare=max(0, chain.count - 1),
        model=model,
    )


def _worthwhile(graph, rows):
    """Returns the rows that become sections.

    The lead of a row that does not become a section is added to the next one.
    Rows after the network flattens its input belong to the head, although they
    may repeat dense layers. A row from which nothing can be left out, a lone
    block without a similar one before it, does not become a section.
    """
    ranks = [len(graph.tensors[row.blocks[0].start].shape) for row in rows]
    worthwhile, before = [], ()
    for row, rank in zip(rows, ranks, strict=True):
        row = blocks.BlockRow(before + row.lead, row.blocks)
        led = not worthwhile and _first(row) == row.blocks[0].start
        led = led or not any(block.kernels for block in row.lead)
        if rank != ranks[0] or (led and len(row.blocks) == 1):
            before = row.lead + row.blocks
            continue
        worthwhile.append(row)
        before = ()
    return worthwhile


def _first(row):
    """Returns the number of the tensor after the stem.

    A block of another width that leads to a row belongs to its section, if it
    branches or has the same kinds of layers as the row's blocks. The stem keeps
    at least one layer with a kernel.
    """
    last = row.blocks[0].start
    deep = [k for k, block in enumerate(row.lead) if block.kernels]
    if len(deep) < 2:
        return last
    if row.lead[deep[-1]].residual:
        return row.lead[deep[-1]].start
    kinds = ()
    for k in range(len(row.lead) - 1, deep[0], -1):
        kinds = row.lead[k].kinds + kinds
        if kinds == row.blocks[0].kinds:
            return row.lead[k].start
    return last


def _why(graph):
    """Returns a sentence that says why no block can be left out."""
    widest = max(
        itertools.pairwise(graph.cuts),
        key=lambda pair: len(graph.between(pair[:1], pair[1:])),
        default=None,
    )
    if widest is None:
        return "The model has no place where a single tensor passes."
    start, end = widest
    inside = graph.between((start,), (end,))
    names = [graph.names[number] for number in (start, end)]
    if len(graph.calls) / 2 < len(inside) > 1:
        return (
            f"From {names[0]!r} to {names[1]!r}, in {len(inside)} of "
            f"{len(graph.calls)} layers, at least two tensors pass everywhere."
        )
    shapes = [tuple(graph.tensors[n].shape[1:]) for n in (start, end)]
    return (
        "A block can be left out only between two single tensors of one shape "
        "that have a repeated block between them. Here there are none: from "
        f"{names[0]!r} to {names[1]!r} {text_format.shape(shapes[0])} becomes "
        f"{text_format.shape(shapes[1])}."
    )


def _table(plan):
    parameters = sum(part.parameters for part in plan.parts)
    by_part = [part.flops for part in plan.parts]
    flops = None if None in by_part else sum(by_part)
    rows = [("part", "ends in", "output", "blocks", "to spare")]
    rows[0] += ("parameters", "share", "FLOPs", "share")
    for part in plan.parts:
        section = part.name.startswith("section")
        rows.append(
            (
                part.name,
                part.ends,
                text_format.shape(part.shape),
                str(part.blocks) if section else "",
                str(part.spare) if section else "",
                f"{part.parameters:,}",
                _share(part.parameters, parameters),
                "?" if part.flops is None else f"{part.flops:,}",
                _share(part.flops, flops),
            )
        )
    lines = [f"{plan.model}, cut at {', '.join(plan.cuts) or 'no place'}"]
    lines += ["", text_format.table(rows)]
    uncounted = cost.note({x for part in plan.parts for x in part.uncounted})
    for sentence in (uncounted, plan.note):
        lines += ["", sentence] if sentence else []
    return "\n".join(lines)


def _share(value, total):
    return f"{value / total:.0%}" if value is not None and total else ""
