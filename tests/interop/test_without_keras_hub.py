"""What a user without KerasHub reads."""

import json
import sys
import zipfile

import keras
import pytest

from lit_tf import config, errors
from lit_tf.interop import hub_texts
from lit_tf.sections import model_files


def test_a_preprocessor_needs_keras_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(errors.SettingsError, match="pip install 'lit_tf.hub.'"):
        hub_texts.read(config.Data(preprocessor="model.keras"))


def test_a_model_of_keras_hub_names_it_if_it_cannot_be_imported(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    path, other = tmp_path / "model.keras", tmp_path / "other.keras"
    model.save(path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                described = json.loads(content)
                described |= {
                    "module": "keras_hub.src.models.missing",
                    "class_name": "Missing",
                    "registered_name": "keras_hub>Missing",
                }
                content = json.dumps(described)
            target.writestr(name, content)
    with pytest.raises(errors.DataError, match="It needs KerasHub: pip"):
        model_files.load(other)
