"""The teacher's cache: batches read what the teacher would compute."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from lit_tf import config, data, errors, models
from lit_tf.data import augment, batches
from lit_tf.experiment import dry_run, run, student_training
from lit_tf.methods import lit, stages
from lit_tf.sections.sectioned_model import SectionedModel
from lit_tf.teacher import array_store, cache, cached_outputs
from lit_tf.teacher.frozen import TeacherBatch, freeze, teacher_outputs
from lit_tf.training import devices

pytestmark = pytest.mark.usefixtures("small_family")
SHORT = config.Phase(
    epochs=3, batch_size=100, learning_rate=0.05, weight_decay=0.0
)
VIEWS = 2


def settings(folder, **frozen):
    frozen = {"teacher_cache": "disk", "teacher_cache_views": VIEWS} | frozen
    return config.Compress(
        teacher="small10",
        student="small6",
        frozen=config.Frozen(**frozen),
        teach=SHORT,
        lit=SHORT,
        fine_tune=dataclasses.replace(SHORT, epochs=1),
        session=config.Session(workdir=str(folder / "run")),
    )


@pytest.fixture(scope="module")
def digits():
    """A part of digits, augmented."""
    whole = data.load(config.Data())
    return dataclasses.replace(
        whole,
        train=whole.train.take(np.arange(250)),
        crop=augment.Crop(pad=1, flip=True),
    )


@pytest.fixture(scope="module")
def model(digits, small_family):
    """A trainer whose teacher has moving statistics of the data."""
    teacher = models.get("small10")(**digits.form)
    for _ in range(3):
        teacher(digits.train.inputs, training=True)
    return lit.LIT(teacher, models.get("small6")(**digits.form))


def opened(model, digits, folder, **changes):
    """Returns the cached outputs of a trainer's teacher."""
    chosen = dataclasses.replace(settings(folder), **changes)
    pair = stages.Pair(
        settings=chosen,
        teacher=model.teacher,
        student=model.student,
        frozen=model.frozen,
        copy=None,
        new_student=None,
        steps=0,
    )
    return student_training.cached(pair, digits)


def read(digits, views, *, epochs=2 * VIEWS, seed=3):
    """Returns the training batches of some epochs."""
    return list(
        batches.training(
            digits.train,
            batch_size=100,
            epochs=epochs,
            seed=seed,
            crop=digits.crop,
            views=views,
        )
    )


@pytest.mark.parametrize("kind", ["memory", "disk"])
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


def test_a_second_run_does_not_run_the_teacher(
    model, digits, tmp_path, monkeypatch, capsys
):
    first = opened(model, digits, tmp_path)
    assert "views of 250 training examples and 1 view of 144" in (
        capsys.readouterr().out
    )
    monkeypatch.setattr(cache.TeacherCache, "_fill", pytest.fail)
    second = opened(model, digits, tmp_path)
    assert "found in" in capsys.readouterr().out
    for k, array in first.train.representations.items():
        np.testing.assert_array_equal(array, second.train.representations[k])


def _other_weights(model, digits):
    other = models.get("small10")(**digits.form)
    student = models.get("small6")(**digits.form)
    return lit.LIT(other, student), digits, {}


def _other_normalization(model, digits):
    form = digits.form | {"mean": (1.0,)}
    other = models.get("small10")(**form)
    other.set_weights(model.teacher.get_weights())
    return lit.LIT(other, models.get("small6")(**form)), digits, {}


def _other_data(model, digits):
    inputs = digits.train.inputs.copy()
    inputs[0, 0, 0] += 1
    split = data.Split(inputs, digits.train.labels)
    # A new object: a dataset remembers its fingerprint.
    return model, dataclasses.replace(digits, train=split), {}


def _other_variation(model, digits):
    return model, dataclasses.replace(digits, crop=augment.Crop(pad=1)), {}


def _other_dtype(model, digits):
    student = models.get("small6")(**digits.form)
    return lit.LIT(model.teacher, student, teacher_dtype="bfloat16"), digits, {}


def _other_seed(model, digits):
    return model, digits, {"compute": config.Compute(seed=1)}


def _other_views(model, digits):
    frozen = config.Frozen(teacher_cache="disk", teacher_cache_views=1)
    return model, digits, {"frozen": frozen}


@pytest.mark.parametrize(
    "other",
    [
        _other_weights,
        _other_normalization,
        _other_data,
        _other_variation,
        _other_dtype,
        _other_seed,
        _other_views,
    ],
)
def test_a_cache_of_other_settings_is_not_used(
    model, digits, tmp_path, other, capsys
):
    opened(model, digits, tmp_path)
    one, split, changes = other(model, digits)
    capsys.readouterr()
    opened(one, split, tmp_path, **changes)
    assert "Filling it takes about" in capsys.readouterr().out


def test_other_sections_of_the_same_teacher_have_another_key(
    model, digits, tmp_path
):
    # The same layers and weights, divided into other sections.
    def keys(whole):
        store = cache.TeacherCache(
            whole,
            freeze(whole),
            digits,
            settings(tmp_path).frozen,
            seed=0,
            folder=str(tmp_path),
            epochs=4,
        )
        return store._parts["train"].key

    whole = model.teacher
    first, second = whole.sections
    moved = SectionedModel(
        whole.stem,
        [first],
        whole.head.__class__(
            second.input, whole.head(second.output), name="head"
        ),
    )
    assert keys(whole) != keys(moved)


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
        for both in batches.distribute(make, strategy)
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
    still = dataclasses.replace(digits, crop=augment.Crop())
    assert opened(model, still, tmp_path).train.views == 1


def test_a_run_without_a_cache_stores_nothing(model, digits, tmp_path):
    frozen = config.Frozen()
    assert opened(model, digits, tmp_path, frozen=frozen) is None
    assert not any(tmp_path.iterdir())
