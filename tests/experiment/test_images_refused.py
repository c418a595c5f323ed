"""Generators: settings that are refused, their messages, and a dry run."""

import dataclasses
import re
import shutil
import types

import numpy as np
import pytest
import seeds

import lit_tf
from lit_tf import config, errors, models
from lit_tf.experiment import dry_run, planned_epochs, trained_models
from lit_tf.experiment.build import load_auxiliary_models, load_dataset
from lit_tf.experiment.run import compress, teach
from lit_tf.models import stargan

FORM = {"input_shape": (8, 8, 3), "classes": 3}
ATTRIBUTES = ("Black_Hair", "Male", "Young")


def build(**form):
    return models.get("stargan8", width=4)(attributes=ATTRIBUTES, **FORM | form)


def discriminator(**form):
    return stargan.discriminator(width=4, depth=2, **FORM | form)


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory):
    """A folder with an untrained teacher and a discriminator."""
    folder = tmp_path_factory.mktemp("teacher")
    seeds.set_all(0)
    build().save(folder / "teacher.keras")
    discriminator().save(folder / "discriminator.keras")
    return folder


@pytest.fixture
def settings(generators, teacher_folder, tmp_path):
    """A function: changes → settings of a compression of that teacher."""

    def make(**changed):
        defaults = {
            "teacher": "stargan8",
            "teacher_weights": str(teacher_folder),
            "lit": dataclasses.replace(generators("").lit, steps=0),
        }
        return generators(tmp_path / "run", **defaults | changed)

    return make


def refusal(chosen, kind=errors.SettingsError, run=compress):
    """Returns the message with which a run is refused."""
    with pytest.raises(kind) as caught:
        run(chosen)
    return str(caught.value)


@pytest.mark.parametrize("run", [compress, dry_run.dry_run])
def test_a_message_names_the_flag_for_a_missing_discriminator(
    settings, teacher_folder, tmp_path, run
):
    shutil.copy(teacher_folder / "teacher.keras", tmp_path)
    chosen = settings(teacher_weights=str(tmp_path / "teacher.keras"))
    assert refusal(chosen, errors.DataError, run) == (
        "A generator is fine-tuned and evaluated with its teacher's "
        f"discriminator, and {tmp_path} holds no discriminator.keras. Name the "
        "file with --discriminator_weights."
    )


def test_a_discriminator_may_be_in_any_folder(
    settings, teacher_folder, tmp_path
):
    for name in ("teacher", "discriminator"):
        (tmp_path / name).mkdir()
        shutil.copy(teacher_folder / f"{name}.keras", tmp_path / name)
    chosen = settings(
        teacher_weights=str(tmp_path / "teacher"),
        discriminator_weights=str(
            tmp_path / "discriminator" / "discriminator.keras"
        ),
    )
    loaded = load_auxiliary_models(
        load_dataset(chosen.data, chosen.session),
        chosen.compute,
        path=chosen.discriminator_weights,
        near=chosen.teacher_weights,
    )
    expected = lit_tf.load(teacher_folder / "discriminator.keras").get_weights()
    for one, other in zip(
        loaded["discriminator"].get_weights(), expected, strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("model", "received"),
    [
        (
            lambda: discriminator(input_shape=(16, 16, 3)),
            "(16, 16, 3) and returns (3,)",
        ),
        (lambda: discriminator(classes=5), "(8, 8, 3) and returns (5,)"),
        (lambda: build(), "(8, 8, 3) and returns (8, 8, 3)"),
    ],
)
def test_a_discriminator_for_other_images_is_refused(
    settings, tmp_path, model, received
):
    path = tmp_path / "other.keras"
    model().save(path)
    results = refusal(settings(discriminator_weights=str(path)))
    assert results == (
        "The discriminator must take images (8, 8, 3) and return 3 attributes. "
        f"Received: {path}, which takes {received}."
    )


def test_a_teacher_for_other_images_is_refused(settings, tmp_path):
    build(input_shape=(16, 16, 3)).save(tmp_path / "teacher.keras")
    results = refusal(settings(teacher_weights=str(tmp_path)))
    assert "image_folder has images (8, 8, 3) and 3 attributes" in results


def test_images_that_are_too_small_for_the_discriminator_are_refused(
    generators, tmp_path
):
    chosen = generators(
        tmp_path,
        adversarial=config.Adversarial(discriminator_depth=4),
    )
    assert "An image of 8×8 can be halved at most 3 times" in refusal(chosen)
    assert not (tmp_path / "teacher" / "checkpoints").exists()


@pytest.mark.usefixtures("uncomputed")
def test_settings_of_the_paper_are_explained_before_training(settings, capsys):
    dry_run.dry_run(settings())
    printed = capsys.readouterr().out
    assert "image_folder: fine-tuning against a fixed discriminator" in printed
    assert "--export=best exports the last student" in printed


@pytest.mark.parametrize("method", ["kd", "scratch", "network_slimming"])
def test_a_method_that_needs_labels_or_logits_is_refused_for_a_generator(
    settings, method
):
    assert refusal(settings(method=method)) == (
        "`method` must be lit for image translation: the other methods need "
        "labels or a teacher's logits. (To train from scratch, use lit-teach.) "
        f"Received: method={method!r}."
    )


@pytest.mark.parametrize("run", [compress, dry_run.dry_run])
@pytest.mark.parametrize("weights", [None, ""])
def test_a_teacher_cache_is_refused_for_a_generator(
    settings, tmp_path, run, weights
):
    changed = {} if weights is None else {"teacher_weights": weights}
    chosen = settings(frozen=config.Frozen(teacher_cache="memory"), **changed)
    assert refusal(chosen, run=run) == (
        "`teacher_cache` must be off for image translation: the target "
        "attributes change with every batch. Received: teacher_cache='memory'."
    )
    # It is refused before the teacher is trained.
    assert not (tmp_path / "run" / "teacher").exists()


@pytest.mark.parametrize("run", [compress, dry_run.dry_run])
def test_two_feature_extractors_are_refused_before_training(
    settings, tmp_path, run
):
    both = {"feature_model": "a.keras", "download_inception": True}
    chosen = settings(teacher_weights="", session=both)
    assert "InceptionV3 weights, not both" in refusal(chosen, run=run)
    assert not (tmp_path / "run" / "teacher").exists()


@pytest.mark.slow
def test_the_message_names_a_loss_that_is_not_finite(settings, tmp_path):
    # g_fake, which comes before, stays finite.
    broken = discriminator()
    (kernel,) = broken.get_layer("classes").weights
    kernel.assign(np.full(kernel.shape, np.nan))
    broken.save(tmp_path / "broken.keras")
    chosen = settings(discriminator_weights=str(tmp_path / "broken.keras"))
    results = refusal(chosen, errors.NonFiniteLossError)
    assert results.startswith(
        "Phase fine_tune, epoch 1, step 1: the g_cls loss is not finite (nan)"
    )


def test_a_warm_up_longer_than_steps_of_several_batches_is_refused(
    generators, tmp_path
):
    settings = generators(tmp_path)
    phase = dataclasses.replace(
        settings.fine_tune, epochs=1, steps=0, batch_size=2, warmup_steps=3
    )
    settings = dataclasses.replace(
        settings, fine_tune=phase, discriminator="trained"
    )
    nine = types.SimpleNamespace(train=range(9), task="images")
    with pytest.raises(errors.SettingsError, match="below the 2 steps"):
        planned_epochs.check_warm_up(settings, nine)


@pytest.mark.slow
def test_a_learning_rate_that_is_too_high_leaves_finite_weights(
    generators, tmp_path
):
    phase = dataclasses.replace(generators("").teach, learning_rate=1e30)
    chosen = generators(
        tmp_path,
        kind=config.Teach,
        teacher="stargan8",
        teach=phase,
        session={"checkpoint_steps": 1},
    )
    with pytest.raises(errors.NonFiniteLossError) as caught:
        teach(chosen)
    assert re.match(
        r"Phase teach, epoch 1, step \d: the d_(real|fake|cls) loss is not",
        str(caught.value),
    )
    with np.load(tmp_path / "checkpoints" / "teach.npz") as archive:
        for name in archive.files:
            if name.startswith(("student", "discriminator")):
                assert np.isfinite(archive[name]).all(), name


@pytest.mark.slow
def test_a_student_with_the_teachers_weights_has_infinite_psnr(settings):
    no_steps = settings().lit
    results = compress(settings(fine_tune=no_steps))
    assert results["student"]["likeness"]["psnr"] is None
    assert results["student"]["likeness"]["l1"] == 0
    workdir = settings().session.workdir
    with open(f"{workdir}/report.md", encoding="utf-8") as report:
        assert "PSNR ∞ dB" in report.read()
    # A new evaluation gives the reported figures.
    session = settings().session
    again = trained_models.evaluate(
        f"{workdir}/student.keras",
        settings().data,
        session,
        discriminator_weights=settings().teacher_weights
        + "/discriminator.keras",
    )
    for name in ("attribute_accuracy", "attributes"):
        assert again[name] == results["student"][name]
    with pytest.raises(errors.DataError, match="is not a SavedModel that"):
        trained_models.evaluate(
            f"{workdir}/saved_model", settings().data, session
        )


@pytest.mark.usefixtures("uncomputed")
def test_a_dry_run_has_every_phase_and_writes_nothing(
    generators, tmp_path, capsys
):
    results = dry_run.dry_run(
        generators(tmp_path / "run", discriminator="trained")
    )
    assert list(results["phases"]) == ["teach", "lit", "fine_tune"]
    # 32 images: 4 steps of two batches, or 8 of one.
    epochs = {
        name: phase["epochs"] for name, phase in results["phases"].items()
    }
    assert epochs == {"teach": 5 / 4, "lit": 5 / 8, "fine_tune": 5 / 4}
    assert all(phase["seconds"] > 0 for phase in results["phases"].values())
    assert not any(tmp_path.iterdir())
    printed = capsys.readouterr().out
    for word in ("stargan10 → stargan8", "section 1", "Nothing"):
        assert word in printed
