"""A full disk, or a folder that is gone: one sentence, and nothing is lost."""

import contextlib
import errno
import io
import json
import os
import resource

import numpy as np
import pytest

import lit_tf
from lit_tf import config, data, errors
from lit_tf.experiment import curves
from lit_tf.interop import saved_model
from lit_tf.methods import supervised
from lit_tf.sections import model_files
from lit_tf.teacher import array_store
from lit_tf.training import checkpoint, image_samples, metric_logs, run_folder
from lit_tf.tuning import hparams
from lit_tf.tuning.settings import Tune
from lit_tf.utils import atomic_files, keyed_folder

FORMS = {"logits": ((2000,), np.dtype("float32"))}


@contextlib.contextmanager
def nearly_full():
    """Lets no file grow beyond 500 bytes, for C and C++ code too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # What a test prints goes to a file as well.
    with contextlib.redirect_stdout(io.StringIO()):
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def model(build):
    return build(input_shape=(8, 8, 1), mean=(1.0,), std=(1.0,))


def write_checkpoint(folder, model):
    trainer = supervised.Teach(model)
    trainer.compile(lit_tf.SGD(0.1))
    saved = checkpoint.Checkpoint(folder / "file", trainer)
    return lambda: saved.save(checkpoint.Position())


def write_model(folder, model):
    return lambda: model_files.save(model, folder / "file.keras")


def write_saved_model(folder, model):
    examples = np.zeros((2, 8, 8, 1), "float32")
    return lambda: saved_model.write(model, folder / "file", examples)


def write_json(folder, model):
    values = list(range(500))
    return lambda: atomic_files.write_json(folder / "file", values)


def write_samples(folder, model):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    return lambda: image_samples.write(folder / "file", image)


def write_curves(folder, model):
    row = {"phase": "lit", "epoch": 1, "accuracy": 0.5}
    (folder / "rows").write_text(json.dumps(row) + "\n")
    return lambda: curves.draw(
        folder / "rows", folder / "file", {"accuracy": "accuracy"}, teacher=None
    )


def write_hparams(folder, model):
    settings = Tune(alphas=tuple(i / 200 for i in range(200)))
    return lambda: hparams.write(settings, folder)


def write_keyed_folder(folder, model):
    keyed = keyed_folder.KeyedFolder(folder, {"file": 1})

    def write(place):
        np.save(place / "file.npy", np.zeros(1000))

    return lambda: keyed.write(write)


def write_arrays(folder, model):
    store = array_store.DiskStore(folder / "file")
    return lambda: store.create({"key": 1}, FORMS, lambda arrays: None)


WRITERS = {
    name.removeprefix("write_"): function
    for name, function in list(globals().items())
    if name.startswith("write_")
}


def files(folder):
    return {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_one_sentence_and_no_part_of(kind, tmp_path, model):
    (tmp_path / "file").write_text("before")
    if kind in ("saved_model", "arrays"):  # These are folders.
        (tmp_path / "file").unlink()
        (tmp_path / "file").mkdir()
        (tmp_path / "file" / "before").write_text("before")
    write = WRITERS[kind](tmp_path, model)
    before = files(tmp_path)
    with nearly_full(), pytest.raises(errors.DataError) as caught:
        write()
    message = str(caught.value)
    reason = os.strerror(errno.EFBIG)
    if kind == "keyed_folder":
        reason = "the disk may be full"  # NumPy does not know the reason.
    assert reason in message and str(tmp_path) in message
    assert "\n" not in message
    assert files(tmp_path) == before


@pytest.fixture
def opened(tmp_path):
    session = config.Session(workdir=str(tmp_path / "run"))
    with run_folder.opened(config.Teach(session=session)) as folder:
        yield folder


@pytest.mark.parametrize("reference", [False, True])
def test_logs_on_a_full_disk_get_one_sentence(reference, opened):
    """Rows fill `metrics.jsonl` first, references TensorBoard's file."""
    logs = metric_logs.MetricLogs(opened, "teach")
    logs.begin({})
    with nearly_full(), pytest.raises(errors.DataError) as caught:
        for step in range(20):
            if reference:
                logs.write_reference(step, {"accuracy": 0.5})
            else:
                logs.write(step, 1, {"accuracy": 0.5})
        logs.sizes()
    message = str(caught.value)
    assert os.strerror(errno.EFBIG) in message and "\n" not in message
    assert str(opened.path) in message


@pytest.mark.parametrize("what", ["texts", "images"])
def test_a_dataset_on_a_full_disk_gets_one_sentence(
    what, tmp_path, image_folder, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, chosen = image_folder, {"dataset": "image_folder", "image_size": 12}
    if what == "texts":
        folder, chosen = tmp_path, {"dataset": "csv", "text_length": 300}
        for name in ("train.csv", "test.csv"):
            rows = (f'"{i % 2 + 1}","title","text"\n' for i in range(20))
            (tmp_path / name).write_text("".join(rows))

    def load():
        return data.load(config.Data(**chosen), data_dir=str(folder))

    with nearly_full(), pytest.raises(errors.DataError) as caught:
        load()
    message = str(caught.value)
    assert os.strerror(errno.EFBIG) in message and "\n" not in message
    # With room again, the same call continues.
    assert len(load().train.inputs)


def test_a_run_folder_that_was_removed_is_not_created_again(opened):
    logs = metric_logs.MetricLogs(opened, "teach")
    logs.begin({})
    opened.path.rename(opened.path.with_name("elsewhere"))
    with pytest.raises(errors.DataError, match="was removed or renamed during"):
        logs.sizes()
    with pytest.raises(errors.DataError, match="No such file or directory"):
        logs.write(1, 1, {"accuracy": 0.5})
    assert not opened.path.exists()
