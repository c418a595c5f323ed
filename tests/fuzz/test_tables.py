"""Any bytes as a table of texts or a list of images, in bounded memory."""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib

import pytest
from hypothesis import given
from mutations import EXAMPLES, check, contents

from lit_tf import errors
from lit_tf.data import listings, tables

ROWS = b'"1","a title","a text, with ""quotes"""\n2,x,y\n"3","","b\\nc"\n'
TEXTS = b'"a text, with ""quotes"""\nplain\n"a","b"\n'
COMMAS = b"1" + b"," * 20_000 + b"\n"
OPEN = b'1,"' + b"a\n" * 5000
ENDLESS = 2**26


def drained(table):
    """Reads a table to its end; returns the number of its rows."""
    rows = tables.read(table, classes=None, length=50)
    return sum(len(batch.labels) for batch in rows)


def archive(name="train.csv", content=ROWS, mode="w"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


FORMS = {
    "train.csv": (ROWS, b"\xef\xbb\xbf" + ROWS, COMMAS, OPEN, TEXTS),
    "train.csv.gz": (gzip.compress(ROWS), gzip.compress(COMMAS)),
    "train.csv.xz": (lzma.compress(ROWS), lzma.compress(OPEN)),
    "a.tar": (archive(), archive("x" * 300 + "/train.csv"), archive("b.csv")),
    "a.tar.gz": (archive(mode="w:gz"), gzip.compress(archive()[:-900])),
    "a.tar.xz": (archive(mode="w:xz"), bz2.compress(archive())),
}


@pytest.mark.parametrize("name", FORMS)
def test_any_table_is_read_or_refused(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("tables") / name
    table = tables.Table("train.csv", path, archived=name.startswith("a."))

    @EXAMPLES
    @given(content=contents(*FORMS[name]))
    def read(content):
        path.write_bytes(content)
        check(lambda: drained(table), len(content))

    read()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv.gz", b'1,"' + bytes(ENDLESS)),
        ("train.csv.gz", b"1" + b"," * 20_000_000),
        ("a.tar.gz", b""),
    ],
)
def test_a_row_or_name_without_end_is_refused(tmp_path, name, content):
    if name == "a.tar.gz":  # A name of 64 MiB.
        info = tarfile.TarInfo("././@LongLink")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, ENDLESS
        content = info.tobuf() + b"x" * ENDLESS + archive()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, 1))
    table = tables.Table("train.csv", path, archived=name == "a.tar.gz")

    def read():
        with pytest.raises(errors.DataError, match="characters|commas|damaged"):
            drained(table)

    # A row may need as much memory as twelve million characters.
    check(read, max(path.stat().st_size, 2**25))


def test_an_xz_file_that_asks_for_much_memory_is_refused(tmp_path):
    path = tmp_path / "train.csv.xz"
    whole = lzma.compress(ROWS)
    head = bytearray(whole[12:20])  # Of the first block.
    head[4] = 40  # A dictionary of 4 GiB.
    head += zlib.crc32(head).to_bytes(4, "little")
    path.write_bytes(whole[:12] + head + whole[24:])
    with pytest.raises(errors.DataError, match="(?i)memory"):
        drained(tables.Table("train.csv", path))


LIST = b"file,Black_Hair,Male\n0.png,1,-1\nsub/1.png, 0, 1\n"
CELEBA = b"2\nBlack_Hair Male\n000001.jpg  1 -1\n000002.jpg -1  1\n"
PARTITION = b"000001.jpg 0\n000002.jpg 2\n"


@EXAMPLES
@given(
    content=contents(LIST, b"\xef\xbb\xbf" + LIST, COMMAS, CELEBA, PARTITION)
)
def test_any_list_of_images_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "attributes.csv"
    path.write_bytes(content)
    check(lambda: listings.read_csv(path), len(content))
    check(lambda: listings.read_celeba(path), len(content))
    names = ("000001.jpg", "000002.jpg")
    check(lambda: listings.read_partition(path, names), len(content))


def test_a_list_of_images_with_an_endless_row_is_refused(tmp_path):
    path = tmp_path / "attributes.csv"
    for content in (b"a," * 2_000_000, LIST + b'"' + b"x" * 2_000_000):
        path.write_bytes(content)
        with pytest.raises(errors.DataError, match="characters|commas|limit"):
            listings.read_csv(path)
    path.write_bytes(CELEBA + b"x" * 2_000_000)
    with pytest.raises(errors.DataError, match="characters"):
        listings.read_celeba(path)
