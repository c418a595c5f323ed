"""Tables of texts: reading, checks, encoding."""

import gzip
import io
import lzma
import tarfile

import numpy as np
import pytest
from text_tables import LENGTH, ROWS, codes, load, write

from lit_tf import config, data, errors
from lit_tf.data import tables

TEXTS = [
    'Great CD My lovely Pat has one of the "GREAT" voices.\nYes!',
    "Café déjà vu, 5 €",
    " no title",
    "",
    "two columns more",
]
LABELS = [1, 0, 2, 2, 0]


def check(loaded):
    for split in (loaded.train, loaded.test):
        np.testing.assert_array_equal(split.inputs[:], codes(*TEXTS))
        np.testing.assert_array_equal(split.labels, LABELS)


def archive(path, folder, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        tar.add(folder, "anything/at/all")
    return path


def test_quotes_escapes_and_columns_are_read_as_in_the_published_code(tmp_path):
    loaded = load(write(tmp_path))
    check(loaded)
    assert loaded.classes == ("1", "2", "3")
    assert not loaded.train.inputs[3].any()  # An empty text is all padding.


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
def test_tables_may_be_compressed(tmp_path, ending):
    pack = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[ending]
    for name in ("train.csv", "test.csv"):
        (tmp_path / f"{name}{ending}").write_bytes(pack(ROWS.encode()))
    check(load(tmp_path))


@pytest.mark.parametrize(
    ("name", "mode"), [("mine.tar.gz", "w:gz"), ("mine.tar.xz", "w:xz")]
)
def test_an_archive_is_read_without_unpacking(tmp_path, name, mode):
    check(load(archive(tmp_path / name, write(tmp_path / "x"), mode)))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("name", "folder", "classes"),
    [
        ("amazon_full", "amazon_review_full_csv", 5),
        ("amazon_polarity", "amazon_review_polarity_csv", 2),
    ],
)
def test_official_files_are_found_by_their_names(
    tmp_path, name, folder, classes, packed
):
    rows = '"1","a","b"\n"2","c","d"\n'
    place = tmp_path / ("elsewhere" if packed else folder)
    write(place, rows, rows)
    if packed:
        archive(tmp_path / f"{folder}.tar.gz", place)
    loaded = load(tmp_path, name)
    assert loaded.form["classes"] == classes
    assert "2 training and 2 test texts; not the official" in loaded.note


def test_a_table_is_read_once(tmp_path, monkeypatch):
    write(tmp_path)
    first = load(tmp_path)

    def refuse(*_, **__):
        raise AssertionError("read again")

    monkeypatch.setattr(tables, "read", refuse)
    assert load(tmp_path).fingerprint == first.fingerprint
    with pytest.raises(AssertionError):
        load(tmp_path, text_length=LENGTH + 1)


def test_a_changed_table_is_read_again(tmp_path):
    before = load(write(tmp_path)).fingerprint
    after = load(write(tmp_path, ROWS.replace("Pat", "Pit")))
    assert after.fingerprint != before
    assert load(write(tmp_path)).fingerprint == before


@pytest.mark.parametrize("file", ["codes.bin", "labels.npy", "facts.json"])
def test_damaged_encoded_files_are_encoded_again(
    tmp_path, encoded_folder, file
):
    write(tmp_path)
    load(tmp_path)
    for path in encoded_folder.glob(f"*/{file}"):
        path.write_bytes(path.read_bytes()[:-3])
    check(load(tmp_path))


def test_codes_are_stored_in_the_named_cache_folder(tmp_path):
    there = write(tmp_path / "data")
    check(load(there, cache_dir=str(tmp_path / "cache")))
    assert {path.name for path in there.iterdir()} == {"train.csv", "test.csv"}
    assert len(list((tmp_path / "cache/encoded").glob("*/codes.bin"))) == 2


def test_a_validation_table_is_the_validation_split(tmp_path):
    write(tmp_path)
    (tmp_path / "valid.csv").write_text('"2","","mine"\n')
    settings = config.Data(dataset="csv", text_length=LENGTH)
    loaded = data.load(settings, data_dir=str(tmp_path))
    assert (len(loaded.train), list(loaded.validation.labels)) == (5, [1])
    assert "1 validation texts" in loaded.note


def test_equal_tables_in_two_folders_share_their_codes(tmp_path, monkeypatch):
    load(write(tmp_path / "a"))
    monkeypatch.setattr(tables, "read", None)
    check(load(write(tmp_path / "b")))


def test_invalid_utf8_is_replaced_counted_and_noted(tmp_path):
    bad = b'"1","a","b\xff\xe2\x82c"\n"2","\xc3\x28","d"\n'
    loaded = load(write(tmp_path, bad, ROWS.replace('"3"', '"2"')))
    expected = codes("a b\ufffd\ufffdc", "\ufffd( d")
    np.testing.assert_array_equal(loaded.train.inputs[:], expected)
    note = "4 bytes that are not valid UTF-8"
    assert note in loaded.note
    assert note in load(tmp_path).note  # The second time from encoded files.


def test_a_text_of_ten_megabytes_is_cut(tmp_path):
    huge = f'"1","","{"ab" * 5_000_000}"\n"2","x","y"\n'
    loaded = load(write(tmp_path, huge, huge))
    expected = codes(" " + "ab" * 50, "x y")
    np.testing.assert_array_equal(loaded.train.inputs[:], expected)


def test_a_byte_order_mark_and_windows_line_ends_are_ignored(tmp_path):
    rows = b"\xef\xbb\xbf" + ROWS.replace("\n", "\r\n").encode()
    check(load(write(tmp_path, rows, rows)))


def test_a_line_break_within_a_text_is_one_character(tmp_path):
    rows = '"1","a","b\nc"\n"2","d","e"\n'
    loaded = load(write(tmp_path, rows, rows))
    np.testing.assert_array_equal(
        loaded.train.inputs[:], codes("a b\nc", "d e")
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            '"1","a","b"\n"2"\n',
            "train.csv, line 2: a row must have at least a",
        ),
        ("label,text\n1,a\n", "line 1: .*'label'.*If line 1 is a header"),
        ('"1","a"\n"x","b"\n', "line 2: .* whole number from 1. Received: 'x'"),
        ('"1","a"\n"0","b"\n', "line 2: .* whole number from 1. Received: '0'"),
        ('"1","a"\n"1.5","b"\n', "line 2: .*Received: '1.5'"),
        ('"1","a"\n"2","b\nc\n', "line 2: every quote must be closed"),
        ('"1","a\nb"\n"2","b"c"\n', "line 3: every quote must be closed"),
        ('"1","a"\n"9999999","b"\n', "line 2: .*Received: '9999999'"),
        ("", "train.csv in .* is empty"),
        ("\n\n", "train.csv in .* is empty"),
    ],
)
def test_the_message_for_an_invalid_row_names_the_line(
    tmp_path, encoded_folder, rows, message
):
    with pytest.raises(errors.DataError, match=message):
        load(write(tmp_path, rows))
    assert not list(encoded_folder.glob("*/codes.bin"))


def test_a_class_without_a_row_is_named(tmp_path):
    message = "rows of every class from 1 to 3.*no rows of class 2"
    with pytest.raises(errors.DataError, match=message):
        load(write(tmp_path, '"1","a"\n"3","b"\n'))


def test_a_label_outside_the_official_classes_is_refused(tmp_path):
    write(tmp_path, '"2","a","b"\n"6","c","d"\n')
    message = "train.csv, line 2: .* from 1 to 5. Received: '6'"
    with pytest.raises(errors.DataError, match=message):
        load(tmp_path, "amazon_full")


def test_a_test_table_with_more_classes_than_the_training_table_is_refused(
    tmp_path,
):
    write(tmp_path, ROWS, ROWS + '"4","e","f"\n')
    message = "test.csv, line 6: .* from 1 to 3. Received: '4'"
    with pytest.raises(errors.DataError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("cut", [4, 60])
@pytest.mark.parametrize("name", ["train.csv.gz", "train.csv.xz", "a.tar.gz"])
def test_a_truncated_file_is_refused(tmp_path, name, cut):
    write(tmp_path / "x")
    place = tmp_path / name
    if name == "a.tar.gz":
        whole = archive(place, tmp_path / "x").read_bytes()
    else:
        (tmp_path / "test.csv").write_text(ROWS)
        pack = gzip.compress if name.endswith("gz") else lzma.compress
        whole = pack(ROWS.encode())
    place.write_bytes(whole[:-cut])
    target = place if name == "a.tar.gz" else tmp_path
    with pytest.raises(errors.DataError, match=f"{name} .* was cut off"):
        load(target)


@pytest.mark.parametrize(
    ("present", "message"),
    [
        ([], "No train.csv and test.csv in --data_dir=.*--download cannot"),
        (["test.csv"], "holds no train.csv"),
        (["train.csv"], "holds no test.csv"),
    ],
)
def test_a_missing_table_is_named(tmp_path, present, message):
    for name in present:
        (tmp_path / name).write_text(ROWS)
    with pytest.raises(errors.DataError, match=message):
        load(tmp_path)
    if present:
        with pytest.raises(errors.DataError, match=message):
            load(archive(tmp_path / "a.tar.gz", tmp_path))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(errors.DataError, match="missing.* does not exist"):
        load(tmp_path / "missing")
    with pytest.raises(errors.DataError, match="no amazon_review_full_csv.tar"):
        load("", "amazon_full")


def test_links_in_an_archive_are_not_followed(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        link = tarfile.TarInfo("train.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("test.csv"), io.BytesIO())
    with pytest.raises(errors.DataError, match="holds no train.csv"):
        load(path)
