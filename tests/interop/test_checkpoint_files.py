"""Readers of checkpoint files: formats, damaged files, files with code."""

import pathlib
import pickle
import re
import sys

import numpy as np
import pytest

from lit_tf import errors
from lit_tf.interop import checkpoint_files

ARRAYS = {
    "conv.weight": np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3),
    "bn.running_mean": np.array([0.5, -1.25], np.float32),
}


class Touch:
    """An object that creates a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return pathlib.Path.touch, (self.marker,)


@pytest.fixture
def torch():
    return pytest.importorskip(
        "torch", reason="PyTorch is not installed: pip install -e '.[torch]'"
    )


@pytest.fixture
def safetensors(torch):
    return pytest.importorskip(
        "safetensors.torch",
        reason="safetensors is not installed: pip install -e '.[torch]'",
    )


def refusal(path):
    """Returns the error message, which must be one short line."""
    with pytest.raises(errors.DataError) as error:
        checkpoint_files.read(path)
    (line,) = str(error.value).splitlines()
    assert str(path) in line and len(line) < len(str(path)) + 120
    return line


def tensors(torch, dtype=None):
    return {k: torch.tensor(v, dtype=dtype) for k, v in ARRAYS.items()}


def assert_read(path, expected=ARRAYS):
    read = checkpoint_files.read(path)
    assert read.keys() == expected.keys()
    for name, array in read.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name])


def test_an_npz_file_is_read_by_name(tmp_path):
    np.savez(tmp_path / "w.npz", **ARRAYS)
    assert_read(tmp_path / "w.npz")


@pytest.mark.parametrize("ending", [".pt", ".pth", ".th"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_files_are_read(torch, tmp_path, ending, zipped):
    path = tmp_path / f"w{ending}"
    torch.save(tensors(torch), path, _use_new_zipfile_serialization=zipped)
    assert_read(path)


@pytest.mark.parametrize(
    "nest",
    [
        "state_dict",
        "model_state_dict",
        "model",
        "model_state",
        "state_dict_ema",
    ],
)
def test_nested_weights_are_read(torch, tmp_path, nest):
    saved = {"epoch": 3, nest: tensors(torch), "optimizer": {"lr": 0.1}}
    torch.save(saved, tmp_path / "w.pt")
    assert_read(tmp_path / "w.pt")


def test_weights_are_preferred_to_their_averages(torch, tmp_path):
    average = {k: v + 1 for k, v in tensors(torch).items()}
    saved = {"state_dict_ema": average, "state_dict": tensors(torch)}
    torch.save(saved, tmp_path / "w.pt")
    assert_read(tmp_path / "w.pt")


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "model.", "module.module.", "_orig_mod.module."],
)
def test_prefixes_of_every_name_are_removed(tmp_path, prefix):
    path = tmp_path / "w.npz"
    np.savez(path, **{f"{prefix}{k}": v for k, v in ARRAYS.items()})
    assert_read(path)
    some = {"module.conv.weight": np.ones(2), "bn.weight": np.ones(2)}
    np.savez(path, **some)
    assert_read(path, some)


def test_counters_of_batches_are_omitted(tmp_path):
    np.savez(tmp_path / "w.npz", **ARRAYS, **{"bn.num_batches_tracked": 7})
    assert_read(tmp_path / "w.npz")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32"])
def test_other_precisions_become_float32(torch, safetensors, tmp_path, dtype):
    content = tensors(torch, getattr(torch, dtype))
    expected = {k: v.to(torch.float32).numpy() for k, v in content.items()}
    torch.save(content, tmp_path / "w.pt")
    assert_read(tmp_path / "w.pt", expected)
    safetensors.save_file(content, tmp_path / "w.safetensors")
    assert_read(tmp_path / "w.safetensors", expected)


def test_names_that_are_numbers_become_strings(torch, tmp_path):
    torch.save({1: torch.ones(2), "a": torch.ones(2)}, tmp_path / "w.pt")
    assert_read(tmp_path / "w.pt", {"1": np.ones(2), "a": np.ones(2)})


def test_parameters_that_require_gradients_are_read(torch, tmp_path):
    content = {k: torch.nn.Parameter(v) for k, v in tensors(torch).items()}
    torch.save(content, tmp_path / "w.pt")
    assert_read(tmp_path / "w.pt")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_a_pickle_that_calls_a_function_is_refused_and_not_run(
    torch, tmp_path, zipped, nested
):
    path, marker = tmp_path / "w.pth", tmp_path / "marker"
    content = {"state_dict": {**tensors(torch), "x": Touch(marker)}}
    if not nested:
        content = Touch(marker)
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert "contains code, which was not run" in refusal(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_a_plain_pickle_is_not_run(torch, tmp_path):
    path, marker = tmp_path / "w.pth", tmp_path / "marker"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(Touch(marker), protocol))
        assert re.search("could run code|contains code", refusal(path))
        assert not marker.exists()


def test_a_pickled_module_is_refused(torch, tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    assert "contains code" in refusal(tmp_path / "w.pt")


def test_python_objects_in_an_npz_file_are_not_read(tmp_path):
    path, marker = tmp_path / "w.npz", tmp_path / "marker"
    np.savez(path, weight=np.array([Touch(marker)], dtype=object))
    assert "Python objects, which could run code" in refusal(path)
    path.write_bytes(pickle.dumps(Touch(marker)))
    assert "is not a complete npz" in refusal(path)
    assert not marker.exists()


@pytest.mark.parametrize("size", [0, 3, 100, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors", "npz"])
def test_a_truncated_file_is_refused(request, tmp_path, kind, size):
    path = tmp_path / {"npz": "w.npz", "safetensors": "w.safetensors"}.get(
        kind, "w.pth"
    )
    if kind == "npz":
        np.savez(path, **ARRAYS)
    else:
        torch = request.getfixturevalue("torch")
        if kind == "safetensors":
            library = request.getfixturevalue("safetensors")
            library.save_file(tensors(torch), path)
        else:
            torch.save(
                tensors(torch),
                path,
                _use_new_zipfile_serialization=kind == "zip",
            )
    whole = path.read_bytes()
    size = size if isinstance(size, int) else int(size * len(whole))
    path.write_bytes(whole[:size])
    assert "is not a complete" in refusal(path)


@pytest.mark.parametrize("ending", checkpoint_files.READERS)
def test_a_text_file_is_refused(request, tmp_path, ending):
    if ending != ".npz":
        request.getfixturevalue("safetensors")
    path = tmp_path / f"w{ending}"
    path.write_text("This is not a checkpoint. " * 9)
    refusal(path)


@pytest.mark.parametrize("content", [[1, 2], 3.0, {}, {"epoch": 3}, {3: 4}])
def test_a_file_without_named_weights_is_refused(torch, tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    assert "weights" in refusal(tmp_path / "w.pt")
    torch.save(torch.ones(3), tmp_path / "w.pt")
    assert "weights" in refusal(tmp_path / "w.pt")


def test_an_array_without_a_name_is_refused(tmp_path):
    np.save(tmp_path / "w.npy", np.ones(3))
    (tmp_path / "w.npy").rename(tmp_path / "w.npz")
    assert "is not a complete npz" in refusal(tmp_path / "w.npz")
    np.savez(tmp_path / "w.npz", names=np.array(["a", "b"]))
    assert "is not a complete npz" in refusal(tmp_path / "w.npz")


def test_a_missing_file_is_named(tmp_path):
    assert "There is no checkpoint" in refusal(tmp_path / "w.pt")


def test_the_message_for_an_unknown_suffix_names_the_known_ones(tmp_path):
    with pytest.raises(errors.SettingsError, match=r"\.pt, .*\.npz.*w\.bin"):
        checkpoint_files.read(tmp_path / "w.bin")


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_without_pytorch_the_message_says_how_to_install_it(
    tmp_path, monkeypatch, ending
):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / f"w{ending}").write_bytes(b"")
    line = refusal(tmp_path / f"w{ending}")
    assert line.endswith("needs PyTorch: pip install 'lit_tf[torch]'.")


def test_without_safetensors_the_message_says_how_to_install_it(
    torch, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    (tmp_path / "w.safetensors").write_bytes(b"")
    line = refusal(tmp_path / "w.safetensors")
    assert line.endswith("needs safetensors: pip install 'lit_tf[torch]'.")


def test_versions_of_pytorch_that_can_run_code_are_refused(
    torch, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    torch.save(tensors(torch), tmp_path / "w.pt")
    assert "safely needs PyTorch 2.6" in refusal(tmp_path / "w.pt")
