"""The blocks of a model's sections, and the model without some of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from lit_tf.sections.block_search import find_blocks, find_blocks_in_graph
from lit_tf.sections.chain import Block, Chain, evenly_spaced
from lit_tf.sections.functional import read_graph
from lit_tf.sections.parts import build_part
from lit_tf.sections.sectioned_model import SectionedModel, set_origin


def find_blocks_of_sections(model: SectionedModel) -> list[Chain]:
    """Finds the blocks of each section.

    A section of a single block may look like several: an attention and a dense
    layer form one block only because they alternate in the whole model.

    Args:
        model: a model with sections.
    """
    whole = find_blocks_in_graph(read_graph(model))
    bounds = {id(whole.graph.tensors[block.end]) for block in whole.blocks}
    return [_joined(find_blocks(section), bounds) for section in model.sections]


def _joined(chain, bounds):
    """Returns a chain whose blocks end at bounds, if all its rows do."""
    tensors = chain.graph.tensors
    ends = [id(tensors[row.blocks[-1].end]) for row in chain.rows]
    if not bounds.issuperset(ends):
        return chain
    rows = []
    for row in chain.rows:
        blocks, parts = [], []
        for block in row.blocks:
            parts.append(block)
            if id(tensors[block.end]) in bounds:
                calls = tuple(call for part in parts for call in part.calls)
                blocks.append(Block(parts[0].start, block.end, calls))
                parts = []
        rows.append(dataclasses.replace(row, blocks=tuple(blocks)))
    return dataclasses.replace(chain, rows=tuple(rows))


def numbers(
    teacher: SectionedModel, keep: Sequence[int]
) -> list[dict[str, Any]]:
    """Returns which of its blocks each section keeps, counted from 1.

    Args:
        teacher: a model with sections.
        keep: number of blocks that each section keeps.

    Returns:
        For each section its number as `section`, its number of `blocks`, and
        the numbers of those that are `kept`.
    """
    chains = find_blocks_of_sections(teacher)
    return [
        {
            "section": k,
            "blocks": chain.count,
            "kept": [1 + j for j in evenly_spaced(n, chain.count)],
        }
        for k, (chain, n) in enumerate(zip(chains, keep, strict=True), 1)
    ]


def without(
    teacher: SectionedModel, chains: Sequence[Chain], keep: Sequence[int]
) -> SectionedModel:
    """Returns a student that shares its layers with the teacher.

    Args:
        teacher: a model with sections.
        chains: the blocks of each section.
        keep: number of blocks that each section keeps.
    """
    sections = []
    for section, chain, n in zip(teacher.sections, chains, keep, strict=True):
        kept = set(chain.kept(n))
        left_out = {
            block.end: block.start
            for number, block in enumerate(chain.blocks)
            if number not in kept
        }
        graph = chain.graph.bypassing(left_out)
        sections.append(
            build_part(
                graph,
                graph.inputs,
                graph.outputs,
                name=section.name,
                # BatchNorm of new blocks learns its statistics.
                always_inference=False,
            )
        )
    student = SectionedModel(
        teacher.stem,
        sections,
        teacher.head,
        context=teacher.reads,
        name=f"{teacher.name}_{'_'.join(map(str, keep))}",
        facts={"blocks": list(keep)},
    )
    set_origin(student, teacher)
    return student
