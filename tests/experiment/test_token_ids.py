"""Texts as token ids, by the preprocessor of a KerasHub model."""

import dataclasses

import hub_model
import keras
import numpy as np
import pytest
import small
import tensorflow as tf

import lit_tf
from lit_tf import config, errors
from lit_tf.experiment import run, run_data, trained_models
from lit_tf.interop import hub_texts

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A folder with texts and a classifier, the classifier, and the texts."""
    folder = tmp_path_factory.mktemp("texts")
    model = hub_model.bert()
    model.save(folder / "bert.keras")
    # A student has the preprocessor next to it.
    keras.Model(model.input, model.output).save(folder / "student.keras")
    hub_texts.save(model.preprocessor, folder / "preprocessor")
    return folder, model, hub_model.write_tables(folder)


def session(folder):
    return config.Session(data_dir=str(folder), cache_dir=str(folder / "cache"))


CSV = config.Data(dataset="csv", validation_fraction=0)


def test_texts_are_the_token_ids_of_the_model(own, tmp_path):
    folder, model, texts = own
    found = {
        name: run_data.complete(CSV, session(folder), str(folder / name))
        for name in ("bert.keras", "")
    }
    assert found["bert.keras"].preprocessor == str(folder / "bert.keras")
    assert found[""].preprocessor == str(folder / "preprocessor")
    keys = {
        hub_texts.encoder(one).key["preprocessor"] for one in found.values()
    }
    assert len(keys) == 1
    loaded = run_data.load(found[""], session(folder))
    expected = model.preprocessor(texts[:12])
    assert loaded.form["input_shape"] == dict.fromkeys(expected, (8,))
    for name, values in expected.items():
        np.testing.assert_array_equal(loaded.train.inputs[name][:], values)
    # A run keeps the preprocessor of its teacher.
    kept = tmp_path / "preprocessor"
    run_data.save_preprocessor(found["bert.keras"], kept)
    again = hub_texts.encoder(dataclasses.replace(CSV, preprocessor=str(kept)))
    assert again.key["preprocessor"] in keys
    shorter = dataclasses.replace(found[""], sequence_length=5)
    forms = hub_texts.encoder(shorter).forms
    assert forms["token_ids"] == ((5,), np.int32)


def test_a_model_of_token_ids_is_evaluated_and_takes_strings(own):
    pytest.importorskip("tensorflow_text")
    folder, model, texts = own
    results = trained_models.evaluate(str(folder), CSV, session(folder))
    expected = model.predict(texts[:6], verbose=0)
    accuracy = np.mean(np.argmax(expected, axis=-1) == np.arange(6) % 2)
    assert results["test_accuracy"] == pytest.approx(accuracy)

    output = str(folder / "saved_model")
    difference = small.to_saved_model(
        str(folder), output, CSV, session(folder), texts=True
    )
    assert difference < 1e-5
    loaded = tf.saved_model.load(output)
    ids = {
        name: tf.cast(values, tf.int32)
        for name, values in model.preprocessor(texts[:6]).items()
    }
    for answer in (
        loaded.serve(tf.constant(texts[:6])),
        loaded.serve_token_ids(ids),
    ):
        np.testing.assert_allclose(answer["logits"], expected, atol=1e-5)


def test_an_encoder_is_compressed_on_texts_alone(own, tmp_path):
    pytest.importorskip("tensorflow_text")
    folder, model, texts = own
    backbone = model.backbone
    vector = keras.layers.GlobalAveragePooling1D(name="pool")(
        backbone.output["sequence_output"],
        mask=backbone.input["padding_mask"],
    )
    keras.Model(backbone.input, vector).save(tmp_path / "encoder.keras")
    hub_texts.save(model.preprocessor, tmp_path / "preprocessor")
    for name in ("train", "test"):
        lines = (f'"{text}"\n' for text in texts[:12])
        (tmp_path / f"{name}.csv").write_text("".join(lines))
    phase = config.Phase(
        epochs=1, batch_size=4, learning_rate=0.1, weight_decay=0.0
    )
    settings = config.Compress(
        teacher_weights=str(tmp_path / "encoder.keras"),
        shrink=config.Shrink(compression=1.5),
        lit=phase,
        with_fine_tune=False,
        data=config.Data(dataset="csv"),
        session=dataclasses.replace(
            session(tmp_path), workdir=str(tmp_path / "run")
        ),
    )
    student = run.compress(settings)["student"]
    assert -1 <= student["test_cosine"] <= 1
    output = str(tmp_path / "saved_model")
    small.to_saved_model(
        str(tmp_path / "run"), output, CSV, session(tmp_path), texts=True
    )
    served = tf.saved_model.load(output)
    (vectors,) = served.serve(tf.constant(texts[:12])).values()
    trained = lit_tf.load(tmp_path / "run" / "student.keras")
    expected = trained(model.preprocessor(texts[:12]))
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_texts_without_a_preprocessor_are_refused_with_the_flag(own, tmp_path):
    folder, model, _ = own
    path = tmp_path / "plain.keras"
    keras.Model(model.input, model.output).save(path)
    with pytest.raises(errors.SettingsError, match="tokenizer with --prepro"):
        trained_models.evaluate(str(path), CSV, session(folder))
    with pytest.raises(errors.SettingsError, match="name it with --prepro"):
        small.to_saved_model(
            str(path), str(tmp_path / "s"), CSV, session(folder), texts=True
        )


def test_an_invalid_preprocessor_is_refused(own, tmp_path):
    folder, _, _ = own
    settings = config.Data(dataset="digits", preprocessor=str(tmp_path))
    with pytest.raises(errors.SettingsError, match="a folder with preproces"):
        hub_texts.read(settings)
    (tmp_path / "preprocessor.json").write_text("{")
    with pytest.raises(errors.DataError, match="preprocessor of KerasHub: it"):
        hub_texts.read(settings)
    settings = dataclasses.replace(
        settings, preprocessor=str(folder / "preprocessor")
    )
    with pytest.raises(errors.SettingsError, match="needs a dataset of texts"):
        run_data.load(settings, session(folder))
