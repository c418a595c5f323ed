"""The pages of the documentation, for the tests that read them."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "examples").glob("*.md"),
]
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page):
    """Returns the path of a page in the repository."""
    return str(page.relative_to(ROOT))


def blocks(language):
    """Yields (page, text) of the fenced blocks of a language."""
    for page in PAGES:
        for found, text in FENCE.findall(page.read_text()):
            if found == language:
                yield page, text


def prose(page):
    """Returns the text of a page without its fenced blocks."""
    return FENCE.sub("", page.read_text())
