"""Lines of text files, in pieces of limited length."""

import csv
import io
from collections.abc import Iterator


class Lines:
    """The lines of a text file, for `csv.reader`, with an end to each row.

    Args:
        file: the open file.
        most: the largest number of characters of a row; a tenth of it is the
            largest number of commas.
    """

    def __init__(self, file: io.TextIOBase, most: int):
        self._file = file
        self._most = most
        self._read = self._commas = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self._most + 1)
        self._read += len(line)
        self._commas += line.count(",")
        if self._read > self._most:
            raise csv.Error(f"a row of more than {self._most:,} characters")
        if self._commas > self._most // 10:  # Each may start a column.
            raise csv.Error(f"a row of more than {self._most // 10:,} commas")
        if not line:
            raise StopIteration
        return line

    def start_row(self) -> None:
        """Starts to count the characters of the next row."""
        self._read = self._commas = 0
