"""Tables of texts without labels."""

import numpy as np
import pytest
from text_tables import codes, load, write

from lit_tf import errors


def test_a_table_of_one_column_has_texts_and_no_labels(tmp_path):
    rows = '\n"Great, ""CD"""\nplain text\n""\n'
    for _ in range(2):  # The second time from encoded files.
        loaded = load(write(tmp_path, rows, '"one"\n'))
        assert (loaded.task, loaded.classes) == ("embeddings", ())
        expected = codes('Great, "CD"', "plain text", "")
        np.testing.assert_array_equal(loaded.train.inputs[:], expected)
        assert loaded.train.labels.shape == (3, 0)
        assert len(loaded.test) == 1
    assert len(loaded.fingerprint) == 16


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ('"a"\n"1","b"\n', '"c"\n', "train.csv, line 2: .*one column, its"),
        ('"a"\nb, c\n', '"c"\n', "line 2: .*2 columns. Write a text with com"),
        ('"a"\n', '"1","c"\n', "test.csv, line 1: .*Received: 2 columns"),
        ('"1","a"\n', '"c"\n', "test.csv, line 1: .* at least a label"),
    ],
)
def test_rows_with_and_without_labels_are_refused(
    tmp_path, train, test, message
):
    with pytest.raises(errors.DataError, match=message):
        load(write(tmp_path, train, test))


def test_official_tables_must_have_labels(tmp_path):
    write(tmp_path, '"a"\n', '"b"\n')
    with pytest.raises(errors.DataError, match="line 1: .* at least a label"):
        load(tmp_path, "amazon_full")
