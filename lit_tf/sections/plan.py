"""`plan`: which layers to cut, and what a student could leave out."""

import dataclasses
import functools
import itertools

import keras

from lit_tf.sections import blocks, cost, split
from lit_tf.sections.graph import read_graph
from lit_tf.utils import text_format


@dataclasses.dataclass(frozen=True)
class Part:
    """A stem, a section or a head.

    Args:
        name: such as "section 1".
        ends: the name of the layer that makes its output.
        shape: of that, without the batch.
        blocks: what it repeats, the first included.
        spare: how many of these can be left out.
        model: the part itself.
    """

    name: str
    ends: str
    shape: tuple[int | None, ...]
    blocks: int
    spare: int
    model: keras.Model = dataclasses.field(repr=False)

    @property
    def parameters(self) -> int:
        """How many numbers its weights are."""
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
    """Where a model is cut. Printed, it is a table.

    Args:
        model: its name.
        cuts: names of layers, as `split` takes them; () where nothing can be
            left out.
        parts: stem, sections and head, or the whole model alone.
        note: why nothing can be left out, or "".
    """

    model: str
    cuts: tuple[str, ...]
    parts: tuple[Part, ...]
    note: str = ""

    def __str__(self) -> str:
        return _table(self)

    __repr__ = __str__


def plan(model: keras.Model) -> Plan:
    """Finds where a model is to be cut.

    A model can be cut where a single tensor passes. Between cuts of one shape
    there are blocks that it can do without (`blocks`); a section is a row of
    them, with what leads to it from the row before. The stem is what leads to
    the first row, less a first block of another width; the head is what comes
    behind the last.

    Args:
        model: functional or sequential. One that has sections already is
            planned anew.

    Raises:
        SettingsError: the model's graph is unknown (it is subclassed).
    """
    graph = read_graph(model)
    chain = blocks.chain(graph)
    runs = _worthwhile(graph, chain.runs)
    if not runs:
        return Plan(model.name, (), (_part("model", model),), _why(graph))
    numbers = [_first(runs[0]), *(run.blocks[-1].end for run in runs)]
    cuts = tuple(graph.names[number] for number in numbers)
    cut = split.split(model, cuts)
    sections = [
        _part(f"section {k}", section)
        for k, section in enumerate(cut.sections, 1)
    ]
    ends = _part("stem", cut.stem), _part("head", cut.head)
    return Plan(model.name, cuts, (ends[0], *sections, ends[1]))


def _part(name, model):
    chain = blocks.of(model)
    *_, last = keras.tree.flatten(chain.graph.outputs)
    return Part(
        name=name,
        ends=chain.graph.names[last],
        shape=tuple(chain.graph.tensors[last].shape[1:]),
        blocks=chain.count,
        spare=max(0, chain.count - 1),
        model=model,
    )


def _worthwhile(graph, runs):
    """Returns the runs, in one with its lead where that is no section's.

    Those before the network flattens what it reads: what comes behind is its
    head, though it may repeat dense layers too. And those of which something
    can be left out: not of a lone block, with nothing like it before it.
    """
    ranks = [len(graph.tensors[run.blocks[0].start].shape) for run in runs]
    found, before = [], ()
    for run, rank in zip(runs, ranks, strict=True):
        run = blocks.Run(before + run.lead, run.blocks)
        led = not found and _first(run) == run.blocks[0].start
        led = led or not any(block.kernels for block in run.lead)
        if rank != ranks[0] or (led and len(run.blocks) == 1):
            before = run.lead + run.blocks
            continue
        found.append(run)
        before = ()
    return found


def _first(run):
    """Returns the tensor behind the stem.

    The block that leads to a row, of another width, is its section's: it
    branches, or has the layers of the row's blocks one after another. A stem
    keeps a layer with weights, though.
    """
    last = run.blocks[0].start
    deep = [k for k, block in enumerate(run.lead) if block.kernels]
    if len(deep) < 2:
        return last
    if run.lead[deep[-1]].residual:
        return run.lead[deep[-1]].start
    kinds = ()
    for k in range(len(run.lead) - 1, deep[0], -1):
        kinds = run.lead[k].kinds + kinds
        if kinds == run.blocks[0].kinds:
            return run.lead[k].start
    return last


def _why(graph):
    """Returns why no block of a model can be left out, in a sentence."""
    widest = max(
        itertools.pairwise(graph.cuts),
        key=lambda pair: len(graph.between(pair[:1], pair[1:])),
        default=None,
    )
    if widest is None:
        return "No place is passed by a single tensor."
    start, end = widest
    inside = graph.between((start,), (end,))
    names = [graph.names[number] for number in (start, end)]
    if len(inside) > len(graph.calls) / 2:
        return (
            f"Between {names[0]!r} and {names[1]!r}, in {len(inside)} of "
            f"{len(graph.calls)} layers, two tensors or more pass everywhere."
        )
    shapes = [tuple(graph.tensors[n].shape[1:]) for n in (start, end)]
    return (
        "No two places that a single tensor passes have one shape and a "
        f"repeated block between them: from {names[0]!r} to {names[1]!r} "
        f"{text_format.shape(shapes[0])} becomes "
        f"{text_format.shape(shapes[1])}."
    )


def _table(plan):
    parameters = sum(part.parameters for part in plan.parts)
    known = [part.flops for part in plan.parts]
    flops = None if None in known else sum(known)
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
