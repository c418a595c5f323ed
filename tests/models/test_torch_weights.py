"""Published arrays are assigned to variables: all of them or none."""

import keras
import numpy as np
import pytest

from lit_tf import errors
from lit_tf.models import torch_weights


def layers():
    """Returns a layer of each kind, by the name of its PyTorch module."""
    made = {
        "image": (keras.layers.Conv2D(5, (2, 3)), (None, 9, 9, 4)),
        "text": (keras.layers.Conv1D(5, 3), (None, 9, 4)),
        "up": (keras.layers.Conv2DTranspose(5, (2, 3)), (None, 9, 9, 4)),
        "linear": (keras.layers.Dense(5), (None, 4)),
        "letters": (keras.layers.Embedding(7, 4), (None, 9)),
        "bn": (keras.layers.BatchNormalization(), (None, 4)),
    }
    for layer, shape in made.values():
        layer.build(shape)
    return {name: layer for name, (layer, _) in made.items()}


@pytest.fixture
def variables():
    return torch_weights.named(layers())


@pytest.fixture
def arrays(variables):
    """Arrays that fit, whose elements all differ."""
    found = {}
    for name, variable in variables.items():
        shape = torch_weights.to_torch(variable).shape
        found[name] = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    return found


def assign(variables, arrays, **options):
    torch_weights.assign(
        variables, arrays, source="them.pt", target="us", **options
    )


def test_names_and_shapes_are_those_of_pytorch(arrays):
    assert {name: array.shape for name, array in arrays.items()} == {
        "image.weight": (5, 4, 2, 3),
        "image.bias": (5,),
        "text.weight": (5, 4, 3),
        "text.bias": (5,),
        "up.weight": (4, 5, 2, 3),
        "up.bias": (5,),
        "linear.weight": (5, 4),
        "linear.bias": (5,),
        "letters.weight": (7, 4),
        "bn.weight": (4,),
        "bn.bias": (4,),
        "bn.running_mean": (4,),
        "bn.running_var": (4,),
    }


def test_every_array_is_assigned_and_can_be_read_back(variables, arrays):
    assign(variables, arrays)
    for name, array in arrays.items():
        ours = torch_weights.to_torch(variables[name])
        np.testing.assert_array_equal(ours, array)


def test_axes_are_moved_to_their_places_in_keras(variables, arrays):
    assign(variables, arrays)
    ours = {name: variable.numpy() for name, variable in variables.items()}
    index = {"o": 3, "i": 2, "y": 1, "x": 2}
    for name, theirs, mine in (
        ("image.weight", "oiyx", "yxio"),
        ("text.weight", "oix", "xio"),
        ("up.weight", "ioyx", "yxoi"),
        ("linear.weight", "oi", "io"),
        ("letters.weight", "oi", "oi"),
    ):
        wanted = arrays[name][tuple(index[axis] for axis in theirs)]
        assert ours[name][tuple(index[axis] for axis in mine)] == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"bn.bias": None, "bn.weight": None},
            "nothing was loaded: 2 missing (bn.weight, bn.bias).",
        ),
        ({"fc.weight": np.ones(3)}, "1 unexpected (fc.weight)."),
        (
            {"linear.weight": np.ones((10, 4)), "linear.bias": np.ones(10)},
            "2 of another shape (linear.weight [10, 4] instead of [5, 4], "
            "linear.bias [10] instead of [5]).",
        ),
        ({"bn.bias": np.full(4, np.nan)}, "1 not finite (bn.bias)."),
        (
            {f"fc{i}": np.ones(1) for i in range(9)},
            "9 unexpected (fc0, fc1, fc2, fc3 and 5 more).",
        ),
        (
            {"bn.bias": None, "fc": np.ones(1)},
            "1 missing (bn.bias), 1 unexpected (fc).",
        ),
    ],
)
def test_misfits_are_listed_and_nothing_is_loaded(
    variables, arrays, change, message
):
    before = {name: variable.numpy() for name, variable in variables.items()}
    arrays = {k: v for k, v in (arrays | change).items() if v is not None}
    with pytest.raises(errors.DataError) as refusal:
        assign(variables, arrays, hint=" Try them.")
    said = str(refusal.value)
    assert said.startswith("them.pt does not fit us, and nothing was loaded")
    assert said.endswith(f"{message} Try them.")
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable, before[name])
