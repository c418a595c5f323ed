"""Recipes of the paper's CIFAR tables: completeness and published figures."""

import itertools
import pathlib

import pytest

from lit_tf.flags import help_text, papers
from lit_tf.launch import command

METHOD = pathlib.Path(__file__).parents[2] / "docs" / "method.md"
FAMILIES = {"ResNet": "resnet", "ResNeXt": "resnext"}
CELLS = [
    (dataset, family, depth)
    for dataset, family, depth in itertools.product(
        ("cifar10", "cifar100"), ("resnet", "resnext"), (20, 32, 44, 56, 110)
    )
]


def documented():
    """Returns the accuracies in the document by (dataset, family, depth)."""
    found, heads = {}, ()
    for line in METHOD.read_text().splitlines():
        cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
        if cells[0].startswith("CIFAR-"):
            dataset, family = cells[0].split()
            dataset = dataset.replace("-", "").lower()
            heads = [(dataset, FAMILIES[family], int(d)) for d in cells[1:]]
        elif len(cells) == len(heads) + 1 and "---" not in cells:
            for head, cell in zip(heads, cells[1:], strict=True):
                found.setdefault(head, {})[cells[0]] = cell
        elif not line.startswith("|"):
            heads = ()
    return found


def recipe(dataset, family, depth):
    return command.recipes()[f"{dataset}_{family}110_to_{family}{depth}"]


def test_every_cell_of_the_four_tables_has_a_recipe():
    names = {f"{d}_{f}110_to_{f}{n}" for d, f, n in CELLS}
    assert papers.recipes().keys() == names
    assert names <= command.recipes().keys()
    assert documented().keys() == set(CELLS)


@pytest.mark.parametrize(("dataset", "family", "depth"), CELLS)
def test_a_header_has_the_published_figures_of_the_document(
    dataset, family, depth
):
    figures = documented()[dataset, family, depth]
    teacher = documented()[dataset, family, 110]["scratch"]
    header = recipe(dataset, family, depth).partition("--dataset")[0]
    header = " ".join(header.replace("#", "").split())
    for words in (
        f"Published test accuracies: LIT {figures['LIT']} %",
        "the vector figure of the authors' workshop paper",
        "presumably single runs at their best epoch",
        f"KD {figures['KD']} %",
        f"hint {figures['hint']} %",
        f"from scratch {figures['scratch']} %",
        f"teacher {teacher} %",
        "Not run; estimate: 23.5 h on two CPU cores for ResNet-20"
        if (dataset, family, depth) == ("cifar10", "resnet", 20)
        else "Not run; it needs a GPU.",
        f"lit-compress --recipe={dataset}_{family}110_to_{family}{depth} ",
    ):
        assert words in header
    assert ("our choice" in header) == (family == "resnext")


def test_the_recipes_differ_only_in_dataset_and_models():
    rest = {
        tuple(
            line
            for line in recipe(*cell).splitlines()
            if not line.startswith(("# ", "#", "--dataset", "--teacher=resne"))
            and not line.startswith("--student")
        )
        for cell in CELLS
    }
    assert len(rest) == 1


def test_a_header_has_at_most_80_columns():
    for text in papers.recipes().values():
        assert max(map(len, text.splitlines())) <= 80


def test_recipes_that_differ_only_in_depth_share_a_line_of_the_help():
    listed = help_text.grouped(["a_to_b20", "quickstart", "a_to_b9", "c_to_b1"])
    assert list(listed) == ["  a_to_b9, …20", "  quickstart", "  c_to_b1"]
