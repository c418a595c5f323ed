"""Texts: runs, evaluation, export, caches and imported weights."""

import functools
import re

import eager
import numpy as np
import pytest
import small
import tensorflow as tf

import lit_tf
from lit_tf import config, data, layers, models
from lit_tf.data import batches, characters, shares
from lit_tf.experiment import dry_run, trained_models
from lit_tf.experiment.run import compress
from lit_tf.interop import import_model
from lit_tf.models import torch_weights, vdcnn
from lit_tf.sections import copying, inspection
from lit_tf.training import devices

LENGTH = 64
WORDS = ("awful, broke at once", "fine I guess", "wonderful! 👍")


@pytest.fixture(scope="module", autouse=True)
def tiny():
    """Two variants of the VDCNNs: two sections of two blocks, and of one."""
    few = {"filters": (4, 6), "hidden": 12}
    with pytest.MonkeyPatch.context() as patch:
        for name, blocks in (("deep", (2, 2)), ("tiny", (1, 1))):
            variant = few | {"blocks": blocks}
            patch.setitem(vdcnn.FAMILY.variants, name, variant)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with reviews of three classes, which differ in their words."""
    folder = tmp_path_factory.mktemp("reviews")
    for name, count in (("train.csv", 60), ("test.csv", 30)):
        rows = (
            f'"{i % 3 + 1}","Review {i}","{WORDS[i % 3]}"\n'
            for i in range(count)
        )
        (folder / name).write_text("".join(rows))
    return folder


def settings(folder, workdir, **changed):
    phase = config.Phase(
        epochs=2, batch_size=16, learning_rate=0.05, weight_decay=1e-4
    )
    defaults = {
        "teacher": "vdcnn9_tiny",
        "student": "vdcnn9_tiny",
        "teach": phase,
        "lit": phase,
        "fine_tune": phase,
        "data": config.Data(dataset="csv", text_length=LENGTH),
        "session": config.Session(
            workdir=str(workdir), data_dir=str(folder), log_steps=1
        ),
    }
    return config.Compress(**defaults | changed)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """The folder and the report of a finished run."""
    workdir = tmp_path_factory.mktemp("texts") / "run"
    with eager.steps():
        return workdir, compress(settings(folder, workdir))


def test_a_run_on_texts_writes_the_usual_files(run):
    workdir, report = run
    assert report["data"]["train"] == 54
    assert report["student"]["depth"] == 9
    assert report["export_max_difference"] < 1e-5
    assert report["student"]["latency_ms"] > 0
    for name in ("report.md", "curves.png", "student.keras", "saved_model"):
        assert (workdir / name).exists()


def test_the_saved_model_of_texts_has_the_students_outputs(run, close):
    workdir, _ = run
    student = lit_tf.load(workdir / "student.keras")
    texts = tf.constant(WORDS)
    codes = inspection.opening(student, layers.Characters).encode(texts)
    served = tf.saved_model.load(str(workdir / "saved_model"))
    close(served.serve(texts)["logits"], student(codes, training=False), 1e-5)


def tensorboard_tables(workdir, phase):
    """Returns the tables of texts that TensorBoard shows, by step."""
    (events,) = (workdir / "logs" / phase).glob("events.*")
    return {
        event.step: value.tensor.string_val[0].decode()
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "validation/texts"
    }


def test_tensorboard_shows_texts_and_their_predicted_classes(run):
    workdir, _ = run
    for phase in ("lit", "fine_tune"):
        tables = tensorboard_tables(workdir, phase)
        assert list(tables) == [4, 8]
        heading, _, *rows = tables[8].splitlines()
        assert heading == "|text|label|teacher|student|"
        assert len(rows) == 6
        for row in rows:
            _, text, label, teacher, student, _ = row.split("|")
            word = WORDS[int(label) - 1].replace("👍", "\ufffd").lower()
            assert text.startswith("review ") and text.endswith(word)
            for prediction in (teacher, student):
                assert re.fullmatch(r"[123] \(\d+%\)", prediction)
    teach_tables = tensorboard_tables(workdir / "teacher", "teach")
    assert teach_tables[8].startswith("|text|label|student|\n")


@pytest.mark.parametrize("model", ["student.keras", "saved_model"])
def test_the_saved_file_and_the_saved_model_are_evaluated(run, folder, model):
    workdir, report = run
    results = trained_models.evaluate(
        str(workdir / model),
        config.Data(dataset="csv", text_length=LENGTH),
        config.Session(data_dir=str(folder)),
    )
    assert results["test_accuracy"] == report["student"]["test_accuracy"]


def test_a_model_for_texts_of_another_length_is_refused(run, folder):
    workdir, _ = run
    with pytest.raises(ValueError, match=r"inputs \(65,\).*inputs \(64,\)"):
        trained_models.evaluate(
            str(workdir / "student.keras"),
            config.Data(dataset="csv", text_length=65),
            config.Session(data_dir=str(folder)),
        )


@pytest.mark.slow
def test_a_finished_run_is_exported_again(run, folder, tmp_path):
    workdir, _ = run
    gap = small.to_saved_model(
        str(workdir),
        str(tmp_path / "again"),
        config.Data(dataset="csv", text_length=LENGTH),
        config.Session(data_dir=str(folder)),
    )
    assert gap < 1e-5


def test_a_dry_run_on_texts_has_every_phase(
    folder, tmp_path, capsys, unmeasured
):
    results = dry_run.dry_run(settings(folder, tmp_path / "none"))
    assert results["phases"].keys() == {"teach", "lit", "fine_tune"}
    assert not (tmp_path / "none").exists()
    assert "vdcnn9_tiny: " in capsys.readouterr().out


@pytest.mark.usefixtures("without_costs")
@pytest.mark.slow
def test_the_teachers_outputs_for_texts_can_be_cached(run, folder, tmp_path):
    workdir, report = run
    again = compress(
        settings(
            folder,
            tmp_path / "run",
            teacher_weights=str(workdir / "teacher"),
            frozen=config.Frozen(teacher_cache="memory", teacher_cache_views=1),
            with_fine_tune=False,
        )
    )
    assert again["student"]["depth"] == report["student"]["depth"]


@pytest.mark.slow
def test_texts_are_learned_in_half_precision(build, batch):
    teacher, student = build("vdcnn17_deep"), build("vdcnn9_tiny", seed=1)
    student = copying.copy_model(student, policy="mixed_float16")
    trainer = lit_tf.LIT(teacher, student)
    trainer.compile(lit_tf.SGD(0.05, momentum=0.9))
    texts = batch(32, name="vdcnn9_tiny")
    results = trainer.fit(*texts, batch_size=16, epochs=4, verbose=0).history
    assert results["hard"][-1] < results["hard"][0]
    assert all(np.isfinite(value).all() for value in student.get_weights())


def test_each_replica_reads_its_part_of_a_file(folder):
    chosen = config.Data(dataset="csv", text_length=LENGTH)
    split = data.load(chosen, data_dir=str(folder)).train
    strategy = devices.strategy("mirrored")
    read = functools.partial(batches.evaluation, split, batch_size=16)
    pieces = [
        piece.numpy()
        for inputs, _ in shares.distribute(read, strategy)
        for piece in strategy.experimental_local_results(inputs)
    ]
    assert [len(piece) for piece in pieces] == [8] * 6 + [3] * 2
    np.testing.assert_array_equal(np.concatenate(pieces), split.inputs[:])


def test_an_image_model_is_refused_for_texts(folder, tmp_path):
    chosen = settings(folder, tmp_path / "run", student="resnet8")
    with pytest.raises(ValueError, match="resnet8 needs data with mean and"):
        compress(chosen)


def test_published_names_are_imported_for_texts(tmp_path):
    form = {"alphabet": characters.ALPHABET, "classes": 2}
    model = models.get("vdcnn9_tiny")(input_shape=(LENGTH,), **form)
    arrays = {
        name: torch_weights.to_torch(variable)
        for name, variable in models.torch_variables(model).items()
    }
    assert arrays["character_embedding.weight"].shape == (69, 16)
    np.savez(tmp_path / "weights.npz", **arrays)
    chosen = config.Data(dataset="amazon_polarity", text_length=LENGTH)
    paths = str(tmp_path / "weights.npz"), str(tmp_path / "out.keras")
    results = import_model.import_model(*paths, chosen, model="vdcnn9_tiny")
    assert results["normalization"] == "none"
    codes = np.arange(2 * LENGTH).reshape(2, LENGTH) % 69
    np.testing.assert_array_equal(lit_tf.load(paths[1])(codes), model(codes))
    with pytest.raises(ValueError, match="`normalization` applies to images"):
        import_model.import_model(
            *paths, chosen, model="vdcnn9_tiny", normalization="imagenet"
        )
