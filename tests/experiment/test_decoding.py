"""A run that resumes decodes images as when it began."""

import numpy as np
import pytest
from PIL import Image

from lit_tf import config, errors
from lit_tf.data import decoded
from lit_tf.experiment import build
from lit_tf.training import run_folder


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """A function: run folder, `decoding` → how a run there decodes images."""
    monkeypatch.setattr(decoded, "_STORED", 0)  # No pixels are few.
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(10):
            pixels = np.full((8, 8, 3), 12 * i + ord(name), np.uint8)
            Image.fromarray(pixels).save(
                tmp_path / "images" / name / f"{i}.png"
            )

    def load(name, decoding="auto"):
        settings = config.Teach(
            data=config.Data(
                dataset="image_classes", image_size=8, decoding=decoding
            ),
            session=config.Session(
                workdir=str(tmp_path / name),
                data_dir=str(tmp_path / "images"),
                cache_dir=str(tmp_path / "cache"),
            ),
        )
        with run_folder.opened(settings) as folder:
            dataset = build.load_run_dataset(settings, folder)
            folder.pin(**build.origin(dataset))
        return dataset.decoding

    return load


def test_a_refused_run_does_not_record_how_it_would_decode(
    loaded, tmp_path, monkeypatch
):
    loaded("other", "once")
    with monkeypatch.context() as patch:  # As an earlier version began it.
        patch.setattr(build, "origin", lambda _: {"data": "of other pixels"})
        loaded("run")
    before = (tmp_path / "run" / "config.json").read_bytes()
    with pytest.raises(errors.DataError, match="another data"):
        loaded("run")
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_stored_pixels_of_another_run_do_not_change_a_run(loaded):
    assert loaded("run") == "always"
    assert loaded("other", "once") == "once"
    assert loaded("run") == "always"  # Its data are the same.
    assert loaded("new") == "once"
