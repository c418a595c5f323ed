"""Reads compressed files with a limit on the memory of the decompression."""

import bz2
import gzip
import io
import lzma
import pathlib
import zlib
from typing import BinaryIO

# Enough for the strongest preset of xz. A file can ask for gigabytes.
_XZ_MEMORY = 2**27
_PIECE = 2**16

DAMAGES = (EOFError, OSError, zlib.error, lzma.LZMAError)


def opened(path: pathlib.Path, kind: str | None = None) -> BinaryIO:
    """Opens the uncompressed bytes of a file.

    Reading a damaged file raises one of `DAMAGES`, which may be at its end.

    Args:
        path: the file.
        kind: "" for a plain file, ".gz", ".xz" or ".bz2"; None to find out by
            the file's first bytes.

    Raises:
        OSError: if the file cannot be opened.
    """
    if kind is None:
        with path.open("rb") as file:
            start = file.read(6)
        kind = next((k for k, magic in _MAGIC if start.startswith(magic)), "")
    return _OPENERS[kind](path)


class _Xz(io.RawIOBase):
    """The uncompressed bytes of an .xz file, as `lzma.open` gives them."""

    def __init__(self, path):
        self._file = path.open("rb")
        self._position = 0
        self._start()

    def _start(self):
        self._decompressor = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def readable(self):
        return True

    def readinto(self, buffer):
        content = b""
        while not content:
            if self._decompressor.eof:  # Another stream may follow.
                rest = self._decompressor.unused_data
                rest = rest or self._file.read(_PIECE)
                while rest and not rest.strip(b"\0"):  # Padding.
                    rest = self._file.read(_PIECE)
                if not rest:
                    return 0
                self._start()
            elif self._decompressor.needs_input:
                rest = self._file.read(_PIECE)
                if not rest:
                    raise EOFError("the compressed data end too early")
            else:
                rest = b""
            content = self._decompressor.decompress(rest, len(buffer))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def seekable(self):
        return True

    def tell(self):
        return self._position

    def seek(self, offset, whence=io.SEEK_SET):
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end is not known")
        if whence == io.SEEK_CUR:
            offset += self._position
        if offset < self._position:
            self._file.seek(0)
            self._position = 0
            self._start()
        while self._position < offset:
            if not self.read(min(_PIECE, offset - self._position)):
                break
        return self._position

    def close(self):
        self._file.close()
        super().close()


def _open_xz(path):
    return io.BufferedReader(_Xz(path), _PIECE)


_MAGIC = ((".gz", b"\x1f\x8b"), (".xz", b"\xfd7zXZ\0"), (".bz2", b"BZh"))
_OPENERS = {
    "": lambda path: path.open("rb"),
    ".gz": gzip.open,
    ".xz": _open_xz,
    ".bz2": bz2.open,
}
