"""`plan`: finds where to cut a model and which blocks can be left out."""

import collections
import itertools
import numbers
from fractions import Fraction

import keras

from lit_tf import errors
from lit_tf.sections import block_search, composite, planned, split
from lit_tf.sections.chain import BlockRow
from lit_tf.sections.functional import read_graph
from lit_tf.sections.planned import Plan
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.utils import text_format


def plan(model: keras.Model, sections: int | None = None) -> Plan:
    """Finds where to cut a model, and how many blocks each section has.

    A model can be cut where a single tensor passes, apart from context: tensors
    that no block changes, such as a padding mask (see `split`). Between cuts of
    one shape there are blocks that can be left out. A section is a row of such
    blocks, with the layers that lead to it from the row before. The stem leads
    to the first row; the head follows the last row.

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
        sections: number of sections, over which the blocks of each row are
            spread evenly; by default one for each row. At least the number of
            rows, at most the number of blocks that can be left out.

    Returns:
        A `Plan` with the names of the layers to cut at and a table of the
        parts.

    Raises:
        SettingsError: if the model is subclassed, so that its graph is unknown,
            or cannot have that number of sections.
    """
    graph = read_graph(model)
    chain = block_search.find_blocks_in_graph(graph)
    rows = _worthwhile(graph, chain.rows)
    if not rows or _is_part_of_one_block(graph, rows):
        return planned.whole(model, note=_why(chain.trunk))
    groups = [
        row.blocks[first:past]
        for row, count in zip(rows, _counts(rows, sections), strict=True)
        for first, past in _shares(len(row.blocks), count)
    ]
    numbers = [_first(rows[0]), *(group[-1].end for group in groups)]
    cuts = tuple(graph.names[number] for number in numbers)
    ends = [[graph.names[block.end] for block in group] for group in groups]
    return planned.of_sections(
        split.split(model, cuts), cuts=cuts, block_ends=ends
    )


def plan_in_use(model: keras.Model, sections: int | None = None) -> Plan:
    """Returns the plan by which a model is made shallower.

    Args:
        model: functional or sequential.
        sections: number of sections, as in `plan`; by default those that the
            model has or, if it has none, those that `plan` suggests.

    Raises:
        SettingsError: as `plan`.
    """
    if isinstance(model, SectionedModel) and sections is None:
        return planned.of_sections(model)
    return plan(model, sections)


def _counts(rows, sections):
    """Returns the number of sections of each row."""
    blocks = [len(row.blocks) for row in rows]
    counts = [1] * len(rows)
    is_number = isinstance(sections, numbers.Integral) and not isinstance(
        sections, bool
    )
    errors.require(
        sections is None
        or (is_number and len(rows) <= sections <= sum(blocks)),
        f"`sections` must be at least {len(rows)}, the number of rows of "
        f"blocks, and at most {sum(blocks)}, the number of blocks that can be "
        "left out.",
        sections=sections,
    )
    for _ in range(int(sections or 0) - len(rows)):
        # The row whose sections have the most blocks, the first of equal ones.
        longest = max(
            range(len(rows)), key=lambda r: Fraction(blocks[r], counts[r])
        )
        counts[longest] += 1
    return counts


def _shares(blocks, count):
    """Returns (first, past) of the blocks of each of `count` sections."""
    return itertools.pairwise(
        round(blocks * k / count) for k in range(count + 1)
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
        row = BlockRow(before + row.lead, row.blocks)
        led = not worthwhile and _first(row) == row.blocks[0].start
        led = led or not any(block.kernels for block in row.lead)
        if rank != ranks[0] or (led and len(row.blocks) == 1):
            before = row.lead + row.blocks
            continue
        worthwhile.append(row)
        before = ()
    return worthwhile


def _is_part_of_one_block(graph, rows):
    """Returns whether rows are parts of the first of several returned blocks.

    Of blocks whose outputs the model returns, none can be left out. What is
    found before the first output are the parts of one block, such as attention
    and MLP.
    """
    outputs = keras.tree.flatten(graph.outputs)
    forms = [block.form for row in rows for block in row.blocks]
    if len(outputs) < 2 or len({*forms}) < len(forms):
        return False
    inside = collections.Counter(itertools.chain(*forms))
    everywhere = collections.Counter(call.form for call in graph.calls)
    return rows[-1].blocks[-1].end in outputs and all(
        everywhere[form] > 2 * inside[form] for form in inside
    )


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


def _why(trunk):
    """Returns a sentence that says why no block can be left out."""
    graph = trunk.graph
    for call in graph.calls:
        if reason := composite.why_closed(call.node):
            return (
                f"The layers that {call.path!r} runs cannot be left out, "
                f"because {reason}."
            )
    if 2 * trunk.longest_part > len(graph.calls) > 2:
        passing = " and ".join(map(graph.label, trunk.passing()[:3]))
        return (
            f"In {trunk.longest_part} of its {len(graph.calls)} layers at "
            f"least two tensors pass everywhere, such as {passing}."
        )
    start, end = max(
        itertools.pairwise(trunk.cuts),
        key=lambda pair: len(trunk.between(*pair)),
    )
    names = [graph.names[number] for number in (start, end)]
    shapes = [tuple(graph.tensors[n].shape[1:]) for n in (start, end)]
    return (
        "A block can be left out only between two single tensors of one shape "
        "that have a repeated block between them. Here there are none: from "
        f"{names[0]!r} to {names[1]!r} {text_format.shape(shapes[0])} becomes "
        f"{text_format.shape(shapes[1])}."
    )
