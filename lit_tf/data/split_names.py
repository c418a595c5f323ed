"""Names by which folders, files and arrays say which split they hold."""

import re

PARTS = ("train", "validation", "test")
_WORDS = {
    "train": ("training", "train"),
    "validation": ("validation", "valid", "val", "development", "dev"),
    "test": ("testing", "test"),
}
VALIDATION = _WORDS["validation"]
_SUFFIX = r"(?:[ _.-]?(?:sets?|data|dataset|splits?|images?|imgs?))?"
_WHOLE = {
    part: re.compile(rf"(?:{'|'.join(words)}){_SUFFIX}", re.IGNORECASE)
    for part, words in _WORDS.items()
}
# The names of files may go on after the word, as in train-00000-of-00010.
_START = {
    "train": re.compile("train", re.IGNORECASE),
    "validation": re.compile(
        rf"(?:{'|'.join(VALIDATION)})(?![a-z])", re.IGNORECASE
    ),
    "test": re.compile("test", re.IGNORECASE),
}


def part_of(name: str) -> str | None:
    """Returns the split that a whole name stands for, in any case.

    Args:
        name: the name of a folder, or of a file without its suffix.

    Returns:
        A name in `PARTS`; None if the name is not that of a split.
    """
    return _first(_WHOLE, lambda form: form.fullmatch(name.strip()))


def part_of_start(name: str) -> str | None:
    """Returns the split that the start of a file's name stands for.

    Args:
        name: the name of a file, such as train-00000-of-00010.tfrecord.

    Returns:
        A name in `PARTS`; None if the name starts with no split.
    """
    return _first(_START, lambda form: form.match(name))


def _first(forms, matches):
    return next((part for part, form in forms.items() if matches(form)), None)
