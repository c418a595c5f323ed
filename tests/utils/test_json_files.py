"""JSON of any origin: values as usual, and no crash by deep nesting."""

import json
import subprocess
import sys

import pytest

from lit_tf.utils import json_files


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, {"b": "[{" * 3000 + '"\\'}]},
        [[[]]] * 5000,
        "text",
    ],
)
def test_values_are_read_as_usual(value):
    for text in (json.dumps(value), json.dumps(value).encode()):
        assert json_files.parse(text) == value


@pytest.mark.parametrize("one", ['{"a":', "["])
def test_deep_nesting_is_refused_under_the_recursion_limit_of_commands(one):
    # Python's own parser ends the process there.
    code = (
        "import sys; sys.setrecursionlimit(100_000)\n"
        "from lit_tf.utils import json_files\n"
        f"try: json_files.parse({one!r} * 99_000)\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout == "JSON is nested more than 1,000 times\n"


@pytest.mark.parametrize("text", [b"\xff", "{", "", b"\xef\xbb\xbf1"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError):
        json_files.parse(text)
