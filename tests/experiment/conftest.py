"""Fixtures of several files of tests of whole runs."""

import keras
import numpy as np
import pytest

from lit_tf import config

# A phase that ends before its epoch does.
SHORT = config.Phase(
    epochs=0,
    steps=5,
    batch_size=4,
    learning_rate=1e-3,
    weight_decay=0.0,
    momentum=0.5,
    optimizer="adam",
    linear_decay=0.5,
)


@pytest.fixture
def uncomputed(monkeypatch):
    """Lets `fit` and `evaluate` call their callbacks and compute nothing."""

    def fit(self, x, y, *, steps_per_epoch, callbacks, **how):
        for step in range(steps_per_epoch):
            for callback in callbacks:
                callback.on_train_batch_begin(step)
                callback.on_train_batch_end(step)

    def evaluate(self, x, y, *, steps, callbacks, **how):
        for step in range(steps):
            for callback in callbacks:
                callback.on_test_batch_begin(step)
                callback.on_test_batch_end(step)

    monkeypatch.setattr(keras.Model, "fit", fit)
    monkeypatch.setattr(keras.Model, "evaluate", evaluate)


@pytest.fixture(scope="session")
def generators(image_folder):
    """A function: run folder → settings of a compression of tiny generators.

    Keyword arguments replace settings. `session` is a dictionary, which
    replaces only the session settings that it names.
    """

    def make(workdir, kind=config.Compress, **changed):
        session = {
            "workdir": str(workdir),
            "data_dir": str(image_folder),
            "log_steps": 1,
            "sample_steps": 3,
        }
        settings = {
            "teacher": "stargan10",
            "teach": SHORT,
            "architecture": config.Architecture(width=4),
            "adversarial": config.Adversarial(
                discriminator_width=4,
                discriminator_depth=2,
                discriminator_steps=2,
            ),
            "data": config.Data(
                dataset="image_folder",
                image_size=8,
                exclusive=("Male+Young",),
            ),
        }
        if kind is config.Compress:
            settings |= {
                "student": "stargan8",
                "loss": config.Loss(beta=0.0),
                "lit": SHORT,
                "fine_tune": SHORT,
            }
        session = config.Session(**session | changed.pop("session", {}))
        return kind(**settings | {"session": session} | changed)

    return make


@pytest.fixture
def own(tmp_path, one_epoch):
    """A function: model, settings → settings of a run on arrays."""
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "mine.npz",
        x_train=random.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8),
        y_train=np.arange(60) % 3,
    )

    def make(model, *, suffix=".keras", **settings):
        path = tmp_path / f"mine{suffix}"
        model.save(path)
        phase = one_epoch(32)
        settings = {"shrink": config.Shrink(compression=1.8)} | settings
        return config.Compress(
            teacher_weights=str(path),
            lit=phase,
            fine_tune=phase,
            session=config.Session(
                workdir=str(tmp_path / "run"),
                data_dir=str(tmp_path / "mine.npz"),
            ),
            **settings,
        )

    return make
