"""Any files as images or TFRecords: a dataset or one sentence."""

import contextlib
import gzip
import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies
from mutations import EXAMPLES, check, contents
from PIL import EpsImagePlugin, Image

from lit_tf import config, data, errors
from lit_tf.data import image_files, image_pixels, tfrecord_files, tfrecords

# Of Pillow, about damaged files.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")
KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA")
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)


def encoded(kind, mode="RGB", **settings):
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, kind, **settings)
    return file.getvalue()


IMAGES = [
    *map(encoded, KINDS),
    encoded("PNG", "P"),
    encoded("PNG", "LA"),
    encoded("TIFF", "CMYK", compression="tiff_lzw"),
]


@EXAMPLES
@given(content=contents(*IMAGES))
def test_any_bytes_as_an_image_are_decoded_or_broken(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "some.png"
    path.write_bytes(content)

    def decode():
        try:
            return image_pixels.read(str(path), (8, 8, 3), 0)
        except Exception as error:  # As in `decoded._write`.
            raise errors.DataError(f"{errors.line(error)[:500]}.") from None

    pixels = check(decode, len(content))
    assert pixels is None or len(pixels) == 8 * 8 * 3


def png(width, height):
    """Returns a PNG file of one colour, of which the pixels are left out."""
    whole = bytearray(encoded("PNG"))
    whole[16:24] = struct.pack(">II", width, height)
    whole[29:33] = zlib.crc32(whole[12:29]).to_bytes(4, "big")
    return bytes(whole)


@pytest.mark.parametrize("size", [(10_000, 10_000), (2**31 - 1, 2**31 - 1)])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path, size
):
    path = tmp_path / "some.png"
    path.write_bytes(png(*size))

    def decode():
        with pytest.raises(Exception, match="too many|exceeds limit"):
            image_pixels.read(str(path), (8, 8, 3), 0)

    check(decode, path.stat().st_size)


def test_a_large_photograph_is_decoded(tmp_path):
    # 24 million pixels, more than eight times the size of the file.
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (6000, 4000), (9, 99, 200)).save(path)
    assert path.stat().st_size * 8 < 6000 * 4000 * 3
    assert len(image_pixels.read(str(path), (8, 8, 3), 0)) == 8 * 8 * 3


@pytest.mark.parametrize("place", ["class", "attributes", "tfrecord"])
def test_a_program_in_postscript_is_not_run(tmp_path, monkeypatch, place):
    marker = tmp_path / "marker"
    program = (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
        b"showpage\n"
    )
    # Stands in for Ghostscript, which would run the program.
    monkeypatch.setattr(
        EpsImagePlugin, "Ghostscript", lambda *a, **k: marker.touch()
    )
    root = tmp_path / "data"
    if place == "tfrecord":
        root.mkdir()
        write_records(root / "train.tfrecord", [program] * 4)
    for name in {"class": "ab", "attributes": ["images"]}.get(place, ""):
        (root / name).mkdir(parents=True)
        for i in range(4):
            (root / name / f"{i}.jpg").write_bytes(program)
    if place == "attributes":
        rows = [f"{i}.jpg,1" for i in range(4)]
        (root / "attributes.csv").write_text("\n".join(["file,A", *rows]))
    with pytest.raises(errors.DataError, match="cannot be decoded"):
        load(root)
    assert not marker.exists()
    with contextlib.suppress(Exception):  # The result is no image.
        Image.open(io.BytesIO(program)).load()
    assert marker.exists()  # Pillow alone runs it.


def load(root):
    return data.load(
        config.Data(image_size=8, validation_fraction=0),
        data_dir=str(root),
        cache_dir=str(root.parent / "cache"),
    )


def example(image, label):
    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def write_records(path, images, labels=(0, 1)):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i, image in enumerate(images):
            writer.write(example(image, labels[i % len(labels)]))


@pytest.fixture(scope="module")
def record_files(tmp_path_factory):
    """Contents of valid TFRecord files, plain and compressed."""
    path = tmp_path_factory.mktemp("records") / "train.tfrecord"
    write_records(path, IMAGES[:4])
    first = path.read_bytes()
    write_records(path, IMAGES[:4], labels=(-1, 2**40))
    second = path.read_bytes()
    return [first, second, gzip.compress(first), claim(2**40), claim(2**63)]


def claim(length):
    """Returns a record that claims a length, with a correct checksum."""
    head = struct.pack("<Q", length)
    return head + struct.pack("<I", masked_crc32c(head)) + b"x" * 40


def masked_crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_any_bytes_as_tfrecords_are_read_or_refused(record_files, tmp_path):
    path = tmp_path / "train.tfrecord"

    def labels():
        tfrecord_files.check(path)
        return (
            [label for label, _ in tfrecords._labels_and_numbers(path, {})],
            list(tfrecords._images([path], "image")),
        )

    @EXAMPLES
    @given(content=contents(*record_files))
    def read(content):
        path.write_bytes(content)
        check(labels, len(content))

    read()


@pytest.mark.parametrize("length", [100, 2**40, 2**63, 2**64 - 1])
def test_a_record_that_claims_too_much_is_refused(tmp_path, length):
    path = tmp_path / "train.tfrecord"
    path.write_bytes(claim(length))
    with pytest.raises(errors.DataError, match="near record 1: the file was"):
        load(tmp_path)


def test_tfrecords_that_unpack_to_too_much_are_refused(tmp_path):
    path = tmp_path / "train.tfrecord.gz"
    length = 2**26
    path.write_bytes(gzip.compress(claim(length) + bytes(length), 1))

    def read():
        with pytest.raises(errors.DataError, match="more than 8 times"):
            load(tmp_path)

    check(read, path.stat().st_size)


FOLDERS = ("a", "b", "train", "Val", "test", ".hidden", "__MACOSX", "encoded")
FILES = (
    "0.png",
    "1.JPG",
    "2.heic",
    ".3.png",
    "Thumbs.db",
    "x/4.png",
    "val/5.gif",
)


@EXAMPLES
@given(
    files=strategies.sets(
        strategies.tuples(
            strategies.sampled_from(("", *FOLDERS)),
            strategies.sampled_from(("", *FOLDERS)),
            strategies.sampled_from(FILES),
        ),
        max_size=8,
    )
)
def test_any_tree_of_images_is_read_or_refused(tmp_path_factory, files):
    root = tmp_path_factory.mktemp("tree")
    for outer, inner, name in files:
        path = root / outer / inner / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(IMAGES[0])
    loaded = check(lambda: load(root), 2**20)
    if loaded is None:
        return
    assert len(loaded.classes) > 1
    assert not set(loaded.classes) & {".hidden", "__MACOSX"}
    # No image is lost without a word: each is in a split, or hidden.
    visible = [
        path
        for path in root.rglob("*")
        if image_files.is_image(path)
        and not any(map(image_files.is_hidden, path.relative_to(root).parts))
    ]
    read = len(loaded.train) + len(loaded.test)
    splits = {path.name.lower() for path in root.iterdir() if path.is_dir()}
    if "no class folder" not in loaded.note and "val" not in splits:
        assert read == len(visible)
