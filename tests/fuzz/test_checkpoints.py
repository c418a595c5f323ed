"""Any bytes as a checkpoint: weights or one sentence, in bounded memory."""

import io
import resource
import struct
import zipfile

import h5py
import keras
import pytest
from hypothesis import given, settings
from mutations import EXAMPLES, check, contents

import lit_tf
from lit_tf import errors, layers
from lit_tf.interop import checkpoint_files

torch = pytest.importorskip("torch")
WEIGHTS = {"conv.weight": torch.arange(24.0).reshape(2, 3, 4)}


def saved(content=WEIGHTS, **settings):
    file = io.BytesIO()
    torch.save(content, file, **settings)
    return file.getvalue()


def old(content=WEIGHTS):
    return saved(content, _use_new_zipfile_serialization=False)


def repacked(content, change):
    """Returns a PyTorch file with a changed pickle, and right checksums."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(file, "w") as after,
    ):
        for name in before.namelist():
            inner = before.read(name)
            after.writestr(
                name, change(inner) if name.endswith(".pkl") else inner
            )
    return file.getvalue()


NESTED = {"epoch": 3, "state_dict": {"bn.weight": torch.ones(3).half()}}
SEEDS = [saved(), saved(NESTED), old(), old(NESTED)]


@EXAMPLES
@given(content=contents(*SEEDS))
def test_any_pytorch_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "some.pth"
    path.write_bytes(content)
    check(lambda: checkpoint_files.read(path), len(content))


PICKLES = [
    zipfile.ZipFile(io.BytesIO(seed)).read("archive/data.pkl")
    for seed in SEEDS[:2]
]


@EXAMPLES
@given(content=contents(*PICKLES))
def test_any_pickle_in_a_pytorch_file_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "some.pth"
    path.write_bytes(repacked(SEEDS[0], lambda _: content))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check(lambda: checkpoint_files.read(path), len(content))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 2**17  # KiB.


SPARSE = torch.sparse_coo_tensor(
    [[0]], [1.0], (10**10,), check_invariants=False
)


def repeated(count):
    return {"a": torch.ones(1).half().expand(count, count)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved(repeated(30_000)), "its weights would need 3.60 GB"),
        (old(repeated(30_000)), "its weights would need 3.60 GB"),
        (
            saved({"a": SPARSE}),
            "its weights would need 40.00 GB",
        ),
        (
            repacked(saved(), lambda _: b"\x80\x02](" + b"}" * 2**21 + b"e."),
            "its objects would need",
        ),
        (
            repacked(
                saved(), lambda x: x.replace(b"K\x18", b"J\xff\xff\xff\x7f")
            ),
            "not a complete PyTorch",
        ),
        (saved({"a": torch.ones(3, dtype=torch.complex64)}), "complex numbers"),
        (
            repacked(saved(), lambda _: b"]" * 99_999 + b"a" * 99_998 + b"."),
            "not a",
        ),
    ],
)
def test_a_claim_of_too_much_is_refused_before_it_is_allocated(
    tmp_path, content, message
):
    path = tmp_path / "some.pth"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(errors.DataError, match=message):
        checkpoint_files.read(path)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 2**17  # KiB.


def test_a_pytorch_file_that_unpacks_to_too_much_is_refused(tmp_path):
    path = tmp_path / "some.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, 1) as archive:
        archive.writestr("archive/data.pkl", PICKLES[0])
        archive.writestr("archive/data/0", bytes(2**27))
    with pytest.raises(errors.DataError, match="its content would need"):
        checkpoint_files.read(path)


HEADS = [
    b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
    b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,16]}}',
    b'{"a":{"dtype":"BF16","shape":[0,9],"data_offsets":[0,0]}}',
]


@EXAMPLES
@given(head=contents(*HEADS))
def test_any_safetensors_file_is_read_or_refused(tmp_path_factory, head):
    pytest.importorskip("safetensors")
    path = tmp_path_factory.getbasetemp() / "some.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(16))
    check(lambda: checkpoint_files.read(path), path.stat().st_size)


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory):
    """The members of the file of a small `SectionedModel`, by name."""
    path = tmp_path_factory.mktemp("keras") / "own.keras"
    x = keras.Input((4,))
    parts = [
        keras.Model(x, layer(x), name=layer.name)
        for layer in (
            layers.Normalize((1.0,), (2.0,), name="stem"),
            keras.layers.Dense(4, name="section"),
            layers.Float32(name="head"),
        )
    ]
    lit_tf.SectionedModel(parts[0], parts[1:2], parts[2]).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, members, packing=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packing, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_any_keras_file_is_read_or_refused(keras_files, tmp_path, name):
    path = tmp_path / "own.keras"

    @settings(EXAMPLES, max_examples=EXAMPLES.max_examples // 4)
    @given(contents(keras_files[name], b"[" * 9999))
    def read(content):
        pack(path, keras_files | {name: content})
        check(lambda: lit_tf.load(path), path.stat().st_size)

    read()


def test_a_keras_file_that_unpacks_to_too_much_is_refused(
    keras_files, tmp_path
):
    path = tmp_path / "own.keras"
    pack(path, keras_files | {"x": bytes(2**27)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(errors.DataError, match="its content would need"):
        lit_tf.load(path)


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_a_deeply_nested_config_does_not_end_the_process(
    keras_files, tmp_path, name, monkeypatch
):
    path, deep = tmp_path / name, b"[" * 99_000
    if name == "own.keras":
        pack(path, keras_files | {"config.json": deep})
    else:
        with h5py.File(path, "w") as file:
            file["x"] = 1.0
            # An attribute may have 64 kB.
            file.attrs["model_config"] = deep[:60_000].decode()
    # Keras must not see it: under the limit of the commands it would end.
    monkeypatch.setattr(keras.models, "load_model", pytest.fail)
    with pytest.raises(errors.DataError, match="nested more than 1,000"):
        lit_tf.load(path)
