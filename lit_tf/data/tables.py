"""Tables of texts: CSV files, plain, compressed or in an archive.

A row is a label from 1 and one or more columns of text in quotes. In a table of
texts alone, a row is one column, the text. A quote within a text is doubled. A
line break is written as a backslash and an n.
"""

import codecs
import contextlib
import csv
import dataclasses
import hashlib
import io
import pathlib
import tarfile
from collections.abc import Iterator

from lit_tf import errors
from lit_tf.data import split_names
from lit_tf.utils import memory, packed_files, text_lines

_PACKED = ("", ".gz", ".xz")
_ARCHIVES = (".tar.gz", ".tgz", ".tar.xz", ".tar")
_BATCH = 1024
_PIECE = 2**20
# A missing closing quote must not read a whole file into memory.
_LONGEST = 12_000_000
_LARGEST = 1_000_000  # Largest label if the number of classes is unknown.
_LARGEST_READ = 2**24  # Bytes of a name in an archive.


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of labels and texts.

    Args:
        name: `train.csv` or `test.csv`.
        source: the file that contains the table.
        archived: whether `source` is an archive. The table may be in any of its
            folders.
    """

    name: str
    source: pathlib.Path
    archived: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the file that contains the table."""
        with self.source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextlib.contextmanager
    def opened(self) -> Iterator[io.BufferedIOBase]:
        """Opens the table's uncompressed bytes.

        Raises:
            DataError: if the file is damaged or truncated, which may be raised
                only at its end; or if an archive does not contain the table.
        """
        try:
            if self.archived:
                with packed_files.opened(self.source) as file:
                    bounded = memory.BoundedReads(file, _LARGEST_READ)
                    with tarfile.open(fileobj=bounded, mode="r:") as archive:
                        yield self._extracted(archive)
                    # Compressed archives have a checksum at the very end.
                    while file.read(_PIECE):
                        pass
            else:
                kind = self.source.suffix.replace(".csv", "")
                with packed_files.opened(self.source, kind) as file:
                    yield file
        except (
            tarfile.TarError,
            memory.TooLargeError,
            *packed_files.DAMAGES,
        ) as error:
            raise errors.DataError(
                f"{self.source} cannot be read to its end: it is damaged or "
                f"was cut off ({errors.line(error)})."
            ) from error

    def _extracted(self, archive):
        for member in archive:
            archive.members = []  # They would be kept.
            if member.isfile() and pathlib.Path(member.name).name == self.name:
                return archive.extractfile(member)
        raise errors.DataError(f"{self.source} holds no {self.name}.")


@dataclasses.dataclass
class TableBatch:
    """A batch of rows.

    Args:
        labels: class numbers from 0, `[rows]`; `[rows, 0]` of texts alone.
        texts: the texts, `[rows]`.
        replaced: number of bytes that were not valid UTF-8, of those read from
            the file for this batch.
    """

    labels: list[int | tuple[()]] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)
    replaced: int = 0


def find(data_dir: str, folder: str) -> tuple[Table, Table] | None:
    """Finds the training and the test table.

    Args:
        data_dir: an archive; or a folder that contains the tables, their own
            folder, or its archive.
        folder: name of the tables' own folder, and of its archive; "" for none.

    Returns:
        Both tables, or None if there is neither.

    Raises:
        DataError: if `data_dir` does not exist or contains one table alone.
    """
    root = pathlib.Path(data_dir)
    if not root.exists():
        raise errors.DataError(f"--data_dir={data_dir!r} does not exist.")
    if root.is_file():
        return _in_archive(root)
    for place in (root, root / folder):
        tables = [_in_folder(place, name) for name in ("train.csv", "test.csv")]
        if all(tables):
            return tuple(tables)
        for name, table in zip(("train", "test"), tables, strict=True):
            if any(tables) and not table:
                raise errors.DataError(f"{place} holds no {name}.csv.")
    for ending in _ARCHIVES if folder else ():
        archive = root / f"{folder}{ending}"
        if archive.is_file():
            return _in_archive(archive)
    return None


def find_validation(training: Table) -> Table | None:
    """Returns the validation table next to a training table, if any.

    Args:
        training: the training table; an archive is not searched.
    """
    if training.archived:
        return None
    folder = training.source.parent
    found = (
        _in_folder(folder, f"{name}.csv") for name in split_names.VALIDATION
    )
    return next((table for table in found if table), None)


def is_training_folder(path: pathlib.Path) -> bool:
    """Returns whether a folder holds a training table."""
    return _in_folder(path, "train.csv") is not None


def read(
    table: Table, *, classes: int | None, length: int | None = None
) -> Iterator[TableBatch]:
    """Reads a table, about a thousand rows at a time.

    Bytes that are not valid UTF-8 become replacement characters.

    Args:
        table: the table.
        classes: the largest label allowed; 0 for texts alone. None for labels
            of any size if the first row has a label, else for texts alone.
        length: number of characters after which a text is cut; None for none.

    Raises:
        DataError: if the file is damaged or a row has another form; the message
            names the line.
    """
    replaced = 0

    def replace(error):
        nonlocal replaced
        replaced += error.end - error.start
        return "\N{REPLACEMENT CHARACTER}", error.end

    codecs.register_error("lit_tf.counted", replace)
    limit = csv.field_size_limit(_LONGEST)
    try:
        with (
            table.opened() as raw,
            io.TextIOWrapper(
                raw, "utf-8-sig", errors="lit_tf.counted", newline=""
            ) as lines,
        ):
            for rows in _batches(table, lines, classes, length):
                rows.replaced, replaced = replaced, 0
                yield rows
    finally:
        csv.field_size_limit(limit)


def _batches(table, file, classes, length):
    lines = text_lines.Lines(file, _LONGEST)
    reader = csv.reader(lines, strict=True)
    rows, before, first = TableBatch(), 0, True
    try:
        for row in reader:
            if row:
                if classes is None and first and len(row) == 1:
                    classes = 0
                first = False
                label, text = _checked(row, classes)
                rows.labels.append(label)
                rows.texts.append(text[:length])
            lines.start_row()
            if len(rows.labels) == _BATCH:
                yield rows
                rows = TableBatch()
            before = reader.line_num
    except csv.Error as error:
        raise errors.DataError(
            f"{table.name}, line {before + 1}: every quote must be closed, and "
            f"a quote within a text must be doubled ({error})."
        ) from None
    except _RowError as error:
        hint = "" if before else " If line 1 is a header, remove it."
        raise errors.DataError(
            f"{table.name}, line {before + 1}: {error}{hint}"
        ) from None
    if rows.labels:
        yield rows


class _RowError(ValueError):
    pass


def _checked(row, classes):
    """Returns the label of a row, () without one, and the text."""
    if classes == 0:
        if len(row) > 1:
            raise _RowError(
                "a row must have one column, its text, because the first row "
                f"of train.csv has one. Received: {len(row)} columns. Write a "
                "text with commas in quotes, or a label in every row."
            )
        return (), _plain(row[0])
    if len(row) < 2:
        raise _RowError(
            "a row must have at least a label and a text. Received: one column."
        )
    try:
        label = int(row[0])
    except ValueError:
        label = 0
    if not 1 <= label <= (classes or _LARGEST):
        upto = "" if classes is None else f" to {classes}"
        raise _RowError(
            f"a label must be a whole number from 1{upto}. Received: "
            f"{row[0][:40]!r}. Number the classes from 1; for other kinds of "
            "labels use Python: lit_tf.LIT(…, outputs=…)."
        )
    return label - 1, _plain(" ".join(row[1:]))


def _plain(text):
    return text.replace("\\n", "\n") if text.strip(" ") else ""


def _in_folder(folder, name):
    for ending in _PACKED:
        path = folder / f"{name}{ending}"
        if path.is_file():
            return Table(name, path)
    return None


def _in_archive(path):
    return tuple(
        Table(name, path, archived=True) for name in ("train.csv", "test.csv")
    )
