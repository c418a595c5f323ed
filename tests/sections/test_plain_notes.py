"""Notes about sections in saved models that do not fit the models."""

import json
import zipfile

import keras_alone
import pytest
from chains import small

import lit_tf
from lit_tf import errors


def changed(note, key, value):
    """Returns a note in which one item, named like "parts/0/name", differs."""
    *keys, last = key.split("/")
    inner = note
    for name in keys:
        inner = inner[int(name) if isinstance(inner, list) else name]
    inner[int(last) if isinstance(inner, list) else last] = value
    return note


NORM = "layers/section_1:norm/"
OTHER = {"registered_name": "lit_tf>Float32", "config": {"name": "norm"}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "has the format 2, which a later version may know"),
        ("layers", ["stem"], r"has `layers` \['stem'\]"),
        ("parts/0/name", "other", "other parts than stem, section_1, head"),
        ("parts/1/context", [1], "other parts than stem, section_1, head"),
        ("parts", 3, "has `parts` 3"),
        ("depth", "deep", "has `depth` 'deep'"),
        ("facts", [1], r"has `facts` \[1\]"),
        ("layers/stem:other", {}, "it has no layer 'stem/other'"),
        (NORM + "registered_name", "Dense", "unknown class 'Dense'"),
        (NORM + "registered_name", "lit_tf>pinned", "unknown class"),
        (NORM[:-1], OTHER, "is not what the Float32 'norm' is saved as"),
        (NORM + "config/name", "n", "is not what"),
        (NORM + "config/center", False, "is not what"),
        (NORM + "config", 0, "argument"),
    ],
)
def test_a_note_that_does_not_fit_is_refused(tmp_path, key, value, message):
    path = tmp_path / "model.keras"
    small().save(path)
    config = keras_alone.config_of(path)
    note = config["build_config"]["lit_tf"]
    note["layers"] = {
        name.replace("/", ":"): layer for name, layer in note["layers"].items()
    }
    changed(note, key, value)
    if isinstance(note["layers"], dict):
        note["layers"] = {
            name.replace(":", "/"): layer
            for name, layer in note["layers"].items()
        }
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(errors.DataError, match=message):
        lit_tf.load(path)
