"""Any bytes as an .npz file: arrays or one sentence, in bounded memory."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from mutations import EXAMPLES, Touch, check, contents

from lit_tf import errors
from lit_tf.data import arrays
from lit_tf.interop import checkpoint_files

X = np.random.default_rng(0).integers(0, 256, (20, 2, 2, 3)).astype(np.uint8)
Y = np.arange(20) % 3


def npz(pack=np.savez, **content):
    file = io.BytesIO()
    pack(file, **content)
    return file.getvalue()


def member(header, content=b"", packing=zipfile.ZIP_STORED):
    """Returns an .npz file with one array of any header."""
    text = header.encode() + b"\n"
    raw = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as archive:
        archive.writestr("x_train.npy", raw)
    return file.getvalue()


def header(shape, dtype="|u1"):
    return f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}"


CLAIM = member(header((10**12,)))
BOMB = npz(np.savez_compressed, x_train=np.zeros(2**27, np.uint8), y_train=Y)
SEEDS = [
    npz(x_train=X, y_train=Y),
    npz(np.savez_compressed, x_train=X, y_train=Y, x_test=X, y_test=Y),
    npz(x_train=X.astype(np.float64), y_train=Y[:, np.newaxis]),
    CLAIM,
    member(header((-1, 2))),
    member(header((2, 2), "|O"), pickle.dumps([1, 2, 3, 4])),
]


@EXAMPLES
@given(content=contents(*SEEDS))
def test_any_bytes_are_arrays_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "some.npz"
    path.write_bytes(content)
    check(lambda: arrays.load(str(path)), len(content))
    check(lambda: checkpoint_files.read(path), len(content))


RAW = [zipfile.ZipFile(io.BytesIO(s)).read("x_train.npy") for s in SEEDS]


@EXAMPLES
@given(content=contents(*RAW))
def test_any_bytes_as_an_array_are_read_or_refused(tmp_path_factory, content):
    # With a correct checksum around them.
    path = tmp_path_factory.getbasetemp() / "some.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", content)
        archive.writestr("y_train.npy", RAW[0])
    check(lambda: arrays.load(str(path)), path.stat().st_size)
    check(lambda: checkpoint_files.read(path), path.stat().st_size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CLAIM, "claims 1,000,000,000,000 bytes"),
        (member(header((2**40, 2**40))), "claims"),
        (member(header((0, 10**30)), b"x"), "claims 0 bytes"),
        (member("[" * 5000), "cannot be read"),
        (BOMB, "more than 8 times"),
        (member(header((2,), "|O"), b"x"), "Python objects"),
    ],
)
def test_a_claim_of_too_much_is_refused_before_it_is_allocated(
    tmp_path, content, message
):
    path = tmp_path / "some.npz"
    path.write_bytes(content)

    def read():
        with pytest.raises(errors.DataError, match=message):
            arrays.load(str(path))

    check(read, len(content))


def test_a_header_as_long_as_a_bomb_is_not_read(tmp_path):
    raw = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**26) + bytes(2**26)
    path = tmp_path / "some.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", raw)

    def read():
        with pytest.raises(errors.DataError, match="the header of x_train.npy"):
            arrays.load(str(path))

    check(read, path.stat().st_size)


def test_an_archive_of_very_many_names_is_refused(tmp_path):
    one = member(header((1,)), b"x")
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    entry = one[start:end]
    count = 2**22 // len(entry) + 1
    tail = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, len(entry) * count, start, 0
    )
    path = tmp_path / "some.npz"
    path.write_bytes(one[:start] + entry * count + tail)
    with pytest.raises(errors.DataError, match="larger than"):
        arrays.load(str(path))


@pytest.mark.parametrize("name", ["x_train", "y_train", "other"])
def test_objects_in_an_npz_file_are_not_run(tmp_path, name):
    marker = tmp_path / "marker"
    content = {"x_train": X, "y_train": Y, name: np.array([Touch(marker)])}
    np.savez(tmp_path / "some.npz", **content)
    with pytest.raises(errors.DataError, match="Python objects.* not read"):
        arrays.load(str(tmp_path / "some.npz"))
    (tmp_path / "some.npz").write_bytes(pickle.dumps(Touch(marker)))
    with pytest.raises(errors.DataError, match="cannot be read as an .npz"):
        arrays.load(str(tmp_path / "some.npz"))
    assert not marker.exists()
