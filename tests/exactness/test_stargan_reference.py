"""StarGAN's arithmetic equals that of the published code, up to rounding.

Reads the StarGAN files of the folder that `test_reference` reads.
"""

import numpy as np
import pytest
import tensorflow as tf
from test_reference import BOUND, GENERATORS, _channels_last, _under

from lit_tf import config, outputs
from lit_tf.interop import import_model
from lit_tf.methods import lit
from lit_tf.methods.stargan import Adversarial
from lit_tf.models import stargan, torch_weights
from lit_tf.sections import model_files
from lit_tf.teacher import frozen

ATTRIBUTES = "ABCDEFGHIJ"


def _generator(file, role):
    arrays = _under(file, role)
    _, channels, height, across = file["input"].shape
    count = file["target_attributes"].shape[1]
    first = arrays["downsampling_layers.0.weight"]
    model = stargan.build(
        stargan.depth_from_torch(arrays.keys()),
        input_shape=(height, across, channels),
        classes=count,
        attributes=ATTRIBUTES[:count],
        width=len(first),
    )
    published = stargan.torch_variables(model)
    # Instance norms have no moving statistics.
    weights = {k: v for k, v in arrays.items() if "running" not in k}
    torch_weights.assign(published, weights, source=role, target=model.name)
    return model, published


def _published_discriminator(model):
    """Returns a discriminator's variables by their published names.

    They are `main.0`, `main.2`, …, `conv1` (sources) and `conv2` (classes).
    """
    layers = [layer for layer in model.layers if "conv_" in layer.name]
    named = {f"main.{2 * i}": layer for i, layer in enumerate(layers)}
    named["conv1"] = model.get_layer("sources")
    named["conv2"] = model.get_layer("classes")
    return torch_weights.named(named)


def _discriminator(file):
    arrays = _under(file, "discriminator")
    _, channels, height, across = file["input"].shape
    model = stargan.discriminator(
        input_shape=(height, across, channels),
        classes=len(arrays["conv2.weight"]),
        width=len(arrays["main.0.weight"]),
        depth=sum(name.startswith("main") for name in arrays) // 2,
    )
    torch_weights.assign(
        _published_discriminator(model),
        arrays,
        source="discriminator",
        target=model.name,
    )
    return model


@pytest.fixture(scope="module", params=GENERATORS, ids=lambda path: path.stem)
def recorded(request):
    """A file with its teacher, student, published names and discriminator."""
    with np.load(request.param) as file:
        file = dict(file)
    deep, _ = _generator(file, "teacher")
    student, published = _generator(file, "student")
    return file, deep, student, published, _discriminator(file)


def _batch(file):
    images = tf.constant(_channels_last(file["input"]))
    target = tf.constant(file["target_attributes"])
    return (images, target), tf.constant(file["original_attributes"])


def _lit(deep, student):
    return lit.LIT(deep, student, beta=0.0, outputs=outputs.Images())


def test_reference_representations_and_images(recorded, close):
    file, deep, student, _, _ = recorded
    x, y = _batch(file)
    trainer = _lit(deep, student)
    _, T, image = frozen.teacher_outputs(trainer.frozen, x)
    for k, representation in T.items():
        expected = _channels_last(file[f"teacher_representation_{k}"])
        close(representation, expected, BOUND)
    close(image, _channels_last(file["teacher_image"]), BOUND)
    made = student.sections[0](T[0], training=True)
    close(made, _channels_last(file["student_section_1_on_teacher"]), BOUND)
    _, image = trainer.terms(x, y, training=True)
    close(image, _channels_last(file["student_image"]), BOUND)


def test_reference_penalty_and_gradients(recorded, close):
    file, deep, student, published, _ = recorded
    trainer = _lit(deep, student)
    names = list(_under(file, "grad"))
    with tf.GradientTape() as tape:
        terms, _ = trainer.terms(*_batch(file), training=True)
        total = tf.reduce_mean(terms["total"])
    penalty = np.mean(terms[lit.penalty_name(1)])
    close(
        [penalty, total],
        [file["ir_losses"][0], file["lit_loss"]],
        1e-5,
        relative=True,
    )
    variables = [published[name] for name in names]
    assert len(variables) == len(trainer.trained_variables)
    expected = [
        torch_weights.from_torch(file[f"grad/{name}"], published[name])
        for name in names
    ]
    close(tape.gradient(total, variables), expected, BOUND, relative=True)


def test_reference_generator_terms(recorded, close):
    file, _, student, _, discriminator = recorded
    trainer = Adversarial(student, discriminator, trained=False)
    terms, _ = trainer.terms(*_batch(file), training=True)
    for name in ("fake", "cls", "rec"):
        expected = file[f"g_loss_{name}"]
        close(np.mean(terms[f"g_{name}"]), expected, BOUND, relative=True)


def test_reference_discriminator_terms(recorded, close):
    file, _, student, _, discriminator = recorded
    trainer = Adversarial(student, discriminator, trained=True)
    terms = trainer.discriminator_terms(
        *_batch(file), tf.constant(file["interpolation"]), training=True
    )
    for name in ("real", "fake", "cls", "gp"):
        expected = file[f"d_loss_{name}"]
        close(np.mean(terms[f"d_{name}"]), expected, BOUND, relative=True)


def test_a_published_generator_is_imported(recorded, tmp_path, close):
    file, deep, *_ = recorded
    source, output = tmp_path / "generator.npz", tmp_path / "teacher.keras"
    np.savez(source, **_under(file, "teacher"))  # Moving statistics included.
    attributes = deep.stem.get_layer("attributes").names
    import_model.import_model(
        str(source),
        str(output),
        config.Data(
            dataset="image_folder",
            attributes=attributes,
            image_size=file["input"].shape[2],
        ),
        model=f"stargan{deep.depth}",
        architecture=config.Architecture(width=int(file["conv_dim"])),
    )
    x, _ = _batch(file)
    image = model_files.load(output)(x, training=False)
    close(image, _channels_last(file["teacher_image"]), BOUND)
