"""The teacher's cache: batches read what the teacher would compute."""

import dataclasses
import functools
import tracemalloc

import numpy as np
import pytest
import slow
import tensorflow as tf
from cached import VIEWS, opened, read, settings

from lit_tf import config, data, errors, models
from lit_tf.data import batches, crops, shares
from lit_tf.experiment import dry_run, run
from lit_tf.methods import lit
from lit_tf.teacher import array_store, cached_outputs
from lit_tf.teacher.frozen import TeacherBatch, teacher_outputs
from lit_tf.training import devices

pytestmark = pytest.mark.usefixtures("small_family")


@pytest.mark.parametrize("kind", slow.all_but(["disk"], ["memory", "disk"]))
@pytest.mark.parametrize(
    ("dtype", "bound"), [("float32", 1e-3), ("bfloat16", 2e-2)]
)
def test_cached_outputs_are_those_of_a_live_teacher(
    model, digits, tmp_path, kind, dtype, bound
):
    trainer = lit.LIT(
        model.teacher, models.get("small6")(**digits.form), teacher_dtype=dtype
    )
    frozen = config.Frozen(teacher_cache=kind, teacher_cache_views=VIEWS)
    cached = opened(trainer, digits, tmp_path, frozen=frozen)
    seen = read(digits, cached.train)
    assert len(seen) == 2 * VIEWS * 3
    for batch, _ in seen:
        assert isinstance(batch, TeacherBatch)
        live = teacher_outputs(trainer.frozen, batch.inputs)
        assert batch.representations.keys() == {1, 2}
        for k, values in batch.representations.items():
            assert values.dtype in (tf.float16, tf.bfloat16)
            exact = np.float32(live.representations[k])
            gap = np.linalg.norm(np.float32(values) - exact)
            assert gap < bound * np.linalg.norm(exact)
        np.testing.assert_allclose(
            batch.output, live.output, rtol=bound, atol=10 * bound
        )


def test_for_kd_only_the_logits_are_cached(model, digits, tmp_path, capsys):
    cached = opened(model, digits, tmp_path, method="kd")
    assert ": 25.8 kB in " in capsys.readouterr().out
    (batch, _), *_ = read(digits, cached.train)
    assert batch.representations == {}
    live = teacher_outputs(model.frozen, batch.inputs)
    np.testing.assert_allclose(batch.output, live.output, atol=1e-4)
    # A method that reads representations needs another cache.
    cached = opened(model, digits, tmp_path)
    (batch, _), *_ = read(digits, cached.train)
    assert batch.representations.keys() == {1, 2}


def test_validation_outputs_are_cached_too(model, digits, tmp_path):
    cached = opened(model, digits, tmp_path)
    pipeline = batches.evaluation(
        digits.validation, batch_size=100, views=cached.validation
    )
    for batch, _ in pipeline:
        live = teacher_outputs(model.frozen, batch.inputs)
        np.testing.assert_allclose(batch.output, live.output, atol=1e-4)


def test_views_differ_and_epochs_take_them_in_turn(model, digits, tmp_path):
    cached = opened(model, digits, tmp_path)
    by_epoch = {}
    for i, (batch, labels) in enumerate(read(digits, cached.train)):
        order = by_epoch.setdefault(i // 3, ([], []))
        order[0].append(batch.inputs)
        order[1].append(labels)
    shown = [
        (np.concatenate(images), np.concatenate(labels))
        for images, labels in by_epoch.values()
    ]
    pixels = [
        np.sort(images.reshape(len(images), -1).sum(1)) for images, _ in shown
    ]
    np.testing.assert_array_equal(pixels[0], pixels[2])
    np.testing.assert_array_equal(pixels[1], pixels[3])
    assert (pixels[0] != pixels[1]).any()
    # The same view, in another order.
    assert (shown[0][1] != shown[2][1]).any()


def test_with_a_view_per_epoch_a_run_sees_the_images_of_a_run_without_a_cache(
    digits,
):
    outputs = cached_outputs.CachedOutputs(
        seed=3,
        views=4,
        representations={},
        output=np.zeros((4, len(digits.train), 10), np.float32),
    )
    cached = read(digits, outputs, epochs=4)
    live = read(digits, None, epochs=4)
    for (batch, labels), (images, truth) in zip(cached, live, strict=True):
        np.testing.assert_array_equal(batch.inputs, images)
        np.testing.assert_array_equal(labels, truth)


def test_a_batch_copies_only_its_own_examples():
    arrays = [np.ones((2, 10**5, 50), np.float16) for _ in range(2)]
    outputs = cached_outputs.CachedOutputs(
        seed=0, views=2, representations={1: arrays[0]}, output=arrays[1]
    )
    places = tf.constant([5, 10**4])
    tracemalloc.start()
    batch = outputs(tf.zeros([2, 1]), tf.constant(1), places)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch.representations[1].shape == (2, 50)
    assert peak < arrays[0][1].nbytes / 10


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_too_little_room_is_reported_before_anything_is_written(
    model, digits, tmp_path, monkeypatch, kind
):
    store = (
        array_store.MemoryStore if kind == "memory" else array_store.DiskStore
    )
    monkeypatch.setattr(store, "free", lambda self: 1000)
    monkeypatch.setattr(store, "create", pytest.fail)
    frozen = config.Frozen(teacher_cache=kind)
    with pytest.raises(errors.DataError, match="has 1.0 kB free. Use fewer"):
        opened(model, digits, tmp_path, frozen=frozen)


def test_outputs_too_large_for_float16_are_refused(digits, tmp_path):
    large = models.get("small10")(**digits.form)
    norm = large.sections[1].get_layer("block_2_norm")
    norm.gamma.assign(1e6 * np.ones(norm.gamma.shape))
    norm.beta.assign(1e6 * np.ones(norm.beta.shape))
    trainer = lit.LIT(large, models.get("small6")(**digits.form))
    with pytest.raises(
        errors.DataError, match="representation 2 must be finite"
    ):
        opened(trainer, digits, tmp_path)
    assert not list((tmp_path / "teacher_cache").rglob("*.bin"))


def test_a_cache_that_is_slower_is_reported(model, digits, tmp_path, capsys):
    frozen = config.Frozen(teacher_cache="memory", teacher_cache_views=8)
    opened(model, digits, tmp_path, frozen=frozen)
    assert "so --teacher_cache=off is faster" in capsys.readouterr().out


@pytest.mark.slow
def test_replicas_read_what_one_device_reads(model, digits, tmp_path):
    cached = opened(model, digits, tmp_path)
    make = functools.partial(
        batches.training,
        digits.train,
        batch_size=100,
        epochs=1,
        seed=3,
        crop=digits.crop,
        views=cached.train,
    )
    strategy = devices.strategy("mirrored")
    pieces = [
        strategy.experimental_local_results(tensor)
        for both in shares.distribute(make, strategy)
        for tensor in tf.nest.flatten(both)
    ]
    expected = [
        t
        for both in read(digits, cached.train, epochs=1)
        for t in tf.nest.flatten(both)
    ]
    assert len(pieces) == len(expected) == 3 * 5
    for piece, whole in zip(pieces, expected, strict=True):
        assert len(piece) == 2
        np.testing.assert_array_equal(np.concatenate(piece), whole)


@pytest.mark.usefixtures("without_costs")
@pytest.mark.slow
def test_a_run_with_a_cache_ends_like_one_without(tmp_path):
    # With a view per epoch both see the same images in phase `lit`. The cache
    # rounds the representations.
    def last(name, kind):
        chosen = settings(tmp_path, teacher_cache=kind, teacher_cache_views=3)
        chosen = dataclasses.replace(
            chosen,
            session=config.Session(workdir=str(tmp_path / name)),
            teacher_weights=str(tmp_path / "teacher.keras"),
            min_teacher_accuracy=0.0,  # It is not trained.
        )
        return run.compress(chosen)["student"]["last"]

    teacher = models.get("small10")(**data.DATASETS["digits"].form())
    teacher(data.load(config.Data()).train.inputs[:500], training=True)
    teacher.save(tmp_path / "teacher.keras")
    live, cached = last("live", "off"), last("cached", "disk")
    gap = abs(live["validation_accuracy"] - cached["validation_accuracy"])
    assert gap <= 0.1
    assert 0.3 < cached["test_accuracy"]


@pytest.mark.usefixtures("unmeasured")
def test_a_dry_run_describes_the_cache_and_writes_nothing(tmp_path, capsys):
    results = dry_run.dry_run(settings(tmp_path))
    printed = capsys.readouterr().out
    assert "1 view of 1,293 training examples and 1 view of 144" in printed
    assert results["cache_seconds"] > 0
    assert not any(tmp_path.iterdir())


def test_data_without_augmentation_have_one_view(model, digits, tmp_path):
    still = dataclasses.replace(digits, crop=crops.Crop())
    assert opened(model, still, tmp_path).train.views == 1


def test_a_run_without_a_cache_stores_nothing(model, digits, tmp_path):
    frozen = config.Frozen()
    assert opened(model, digits, tmp_path, frozen=frozen) is None
    assert not any(tmp_path.iterdir())
