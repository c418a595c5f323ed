"""Texts without labels: runs, evaluation and export of encoders."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import seeds
import tensorflow as tf

import lit_tf
from lit_tf import config, errors
from lit_tf.comparison import gather
from lit_tf.config.deployment import Deployment
from lit_tf.deployment import export_command
from lit_tf.experiment import build, dry_run, student_training, trained_models
from lit_tf.experiment.run import compress

pytestmark = pytest.mark.usefixtures("eager_steps")
LENGTH = 12
PHASE = config.Phase(
    epochs=2,
    batch_size=8,
    learning_rate=1e-2,
    weight_decay=0.0,
    optimizer="adam",
    momentum=0.5,
)
CSV = config.Data(dataset="csv", text_length=LENGTH)


def encoder(*, blocks=4, classes=0, pooled=True):
    """Returns an encoder of character codes with residual blocks."""
    seeds.set_all(0)
    codes = keras.Input((LENGTH,), dtype="int32", name="codes")
    x = keras.layers.Embedding(128, 6, name="table")(codes)
    for j in range(blocks):
        y = keras.layers.Dense(6, activation="gelu", name=f"dense_{j}")(x)
        x = keras.layers.Add(name=f"add_{j}")([x, y])
    vector = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    if classes:
        vector = keras.layers.Dense(classes, name="logits")(vector)
    outputs = vector if pooled else {"all": x, "first": x[:, 0]}
    return keras.Model(codes, outputs, name="encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with 40 and 10 texts and an encoder."""
    folder = tmp_path_factory.mktemp("texts")
    for name, count in (("train.csv", 40), ("test.csv", 10)):
        words = (f'"text, {i}{i % 7} of ""mine"""\n' for i in range(count))
        (folder / name).write_text("".join(words))
    encoder().save(folder / "encoder.keras")
    return folder


def settings(folder, workdir, **changed):
    defaults = {
        "teacher_weights": str(folder / "encoder.keras"),
        "shrink": config.Shrink(keep=(2,)),
        "lit": PHASE,
        "fine_tune": PHASE,
        "data": CSV,
        "session": config.Session(workdir=str(workdir), data_dir=str(folder)),
    }
    return config.Compress(**defaults | changed)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """The folder and the report of a finished run."""
    workdir = tmp_path_factory.mktemp("embeddings") / "run"
    return workdir, compress(settings(folder, workdir))


def cosines(folder, workdir):
    """Returns the cosine of student and teacher for each test text."""
    texts = config.Session(data_dir=str(folder))
    inputs = trained_models.run_data.load(CSV, texts).test.inputs[:]
    one, other = (
        lit_tf.load(path).predict(inputs, verbose=0)
        for path in (folder / "encoder.keras", workdir / "student.keras")
    )
    products = np.sum(one * other, axis=-1)
    return (
        products / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    )


def test_a_run_reports_the_cosine_to_the_teacher(folder, run):
    workdir, report = run
    student = report["student"]
    assert student["test_cosine"] == pytest.approx(
        cosines(folder, workdir).mean(), abs=1e-5
    )
    assert student["best"]["validation_cosine"] >= 0.9
    assert student["exported"] == "best"
    assert "validation_accuracy" not in student["last"]
    text = " ".join((workdir / "report.md").read_text().split())
    assert f"mean cosine of their vectors {student['test_cosine']:.4f}" in text
    assert f"| cosine to the teacher | — | {student['test_cosine']:.4f}" in text
    assert compress(settings(folder, workdir)) == report


def test_the_best_student_is_chosen_by_its_cosine(run):
    workdir, report = run
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    epochs = [r for r in map(json.loads, lines) if r["phase"] == "fine_tune"]
    least = min(r["validation/soft"] for r in epochs)
    best = report["student"]["best"]["validation_cosine"]
    assert best == pytest.approx(1 - least, abs=1e-6)


def test_the_saved_model_returns_an_embedding(run):
    workdir, _ = run
    codes = np.arange(2 * LENGTH, dtype=np.int32).reshape(2, LENGTH)
    served = tf.saved_model.load(str(workdir / "saved_model"))
    answer = served.serve(tf.constant(codes))
    assert answer.keys() == {"embedding"}
    student = lit_tf.load(workdir / "student.keras")
    np.testing.assert_allclose(answer["embedding"], student(codes), atol=1e-5)


def test_an_export_is_compared_with_the_student(run, folder, tmp_path):
    workdir, report = run
    facts = export_command.export(
        str(workdir),
        str(tmp_path / "out.keras"),
        CSV,
        config.Session(data_dir=str(folder)),
        Deployment(format="keras"),
    )
    assert facts["export"]["test_cosine"] == pytest.approx(1, abs=1e-5)
    # The teacher is the file that the settings of the run name.
    expected = pytest.approx(report["student"]["test_cosine"], abs=1e-5)
    assert facts["model"]["test_cosine"] == expected
    assert facts["teacher"]["name"] == "encoder.keras"


@pytest.mark.parametrize("model", ["student.keras", "saved_model"])
def test_a_student_is_evaluated_against_its_teacher(run, folder, model):
    workdir, report = run
    session = config.Session(data_dir=str(folder))
    path, teacher = str(workdir / model), str(folder / "encoder.keras")
    results = trained_models.evaluate(
        path, CSV, session, teacher_weights=teacher
    )
    for name in ("test_cosine", "same_nearest"):
        expected = report["student"][name]
        assert results[name] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(errors.SettingsError, match="compared with its teacher"):
        trained_models.evaluate(path, CSV, session)


def test_runs_are_compared_by_their_cosine(run, tmp_path):
    workdir, report = run
    gather.gather([str(workdir)], str(tmp_path / "report"))
    text = (tmp_path / "report/report.md").read_text()
    assert f"{report['student']['last']['test_cosine']:.4f}" in text
    assert "accuracy" not in text.lower()
    assert "Teacher encoder: its vectors are the reference;" in text


def test_a_dry_run_measures_both_phases(folder, tmp_path, unmeasured):
    results = dry_run.dry_run(settings(folder, tmp_path / "none"))
    assert results["phases"].keys() == {"lit", "fine_tune"}
    assert results["teacher_accuracy"] is None


@pytest.mark.usefixtures("without_costs")
def test_kd_trains_on_cached_vectors_without_validation(folder, tmp_path):
    changed = {
        "method": "kd",
        "frozen": config.Frozen(teacher_cache="memory", teacher_cache_views=1),
        "data": dataclasses.replace(CSV, validation_fraction=0),
    }
    report = compress(settings(folder, tmp_path / "run", **changed))
    assert report["student"]["best"] is None
    assert report["student"]["test_cosine"] > 0.5


@pytest.mark.parametrize("method", ["hint", "multi_hint"])
def test_other_methods_train_without_labels(folder, tmp_path, method):
    chosen = settings(folder, tmp_path, method=method)
    dataset = build.load_dataset(chosen.data, chosen.session)
    pair = student_training.freeze_pair(
        chosen, *build.pair(chosen, dataset), dataset
    )
    for stage in student_training.training_stages(pair, dataset, {}):
        assert isinstance(stage.trainer.outputs, lit_tf.outputs.Embeddings)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "scratch"}, "trains on labels. Choose one of lit, kd"),
        ({"teacher_weights": ""}, "Pass a trained encoder with --teacher"),
        ({"shrink": config.Shrink()}, "--compression or --keep to make"),
        ({"loss": config.Loss(alpha=0.25)}, "`alpha` is for classes"),
        ({"min_teacher_accuracy": 0.5}, "Leave `min_teacher_accuracy` out"),
    ],
)
def test_settings_that_need_labels_are_refused(
    folder, tmp_path, changed, message
):
    with pytest.raises(errors.SettingsError, match=message):
        compress(settings(folder, tmp_path / "run", **changed))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"classes": 3}, r"which returns classes \(3,\). Write the label"),
        ({"pooled": False}, r"returns all \(12, 6\) and first \(6,\). Choose"),
    ],
)
def test_a_teacher_that_returns_no_vector_is_refused(
    folder, tmp_path, model, message
):
    path = tmp_path / "other.keras"
    encoder(**model).save(path)
    changed = settings(folder, tmp_path / "run", teacher_weights=str(path))
    with pytest.raises(errors.SettingsError, match=message):
        compress(changed)


def test_an_encoder_is_refused_for_texts_with_labels(folder, tmp_path):
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text('"1","a"\n"2","b"\n')
    path = str(folder / "encoder.keras")
    session = config.Session(data_dir=str(tmp_path))
    whole = dataclasses.replace(CSV, validation_fraction=0)
    with pytest.raises(errors.SettingsError, match="write one column, the te"):
        trained_models.evaluate(path, whole, session)
