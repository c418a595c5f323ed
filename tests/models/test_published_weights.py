"""Published weights reach their published accuracy on the real test images.

Run with `pytest -m accuracy`. Reads `weights/` and `data/` of the folder beside
the repository, or of the one that LIT_SHARED names; skipped where there is
none.
"""

import os
import pathlib
import subprocess
import sys

import pytest

from lit_tf import config
from lit_tf.experiment import trained_models
from lit_tf.interop import import_model

SHARED = pathlib.Path(
    os.environ.get("LIT_SHARED", pathlib.Path(__file__).parents[3] / "shared")
)
# File → model, normalization and published accuracy on CIFAR-10 in percent. The
# last accuracy is that of the file with its softmax.
PUBLISHED = {
    "resnet20-12fca82f.th": ("resnet20", "imagenet", 91.73),
    "resnet56-4bfd9763.th": ("resnet56", "imagenet", 93.39),
    "mlperf_tiny_resnet8.h5": ("", "", 87.21),
}

pytestmark = [
    pytest.mark.accuracy,
    pytest.mark.skipif(
        not (SHARED / "weights").is_dir(),
        reason="There are no published weights beside the repository.",
    ),
]


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """The folder to which CIFAR-10 is unpacked."""
    unpack = SHARED / "data" / "unpack.py"
    if not unpack.is_file():
        pytest.skip("There is no CIFAR-10 beside the repository.")
    folder = tmp_path_factory.mktemp("data")
    subprocess.run(
        [sys.executable, str(unpack), str(folder), "cifar10"],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_weights_reach_their_accuracy(name, images, tmp_path, close):
    model, normalization, percent = PUBLISHED[name]
    if name.endswith(".th"):
        pytest.importorskip(
            "torch",
            reason="PyTorch is not installed: pip install -e '.[torch]'",
        )
    output = str(tmp_path / "teacher.keras")
    import_model.import_model(
        str(SHARED / "weights" / name),
        output,
        config.Data(dataset="cifar10"),
        model=model,
        normalization=normalization,
    )
    results = trained_models.evaluate(
        output,
        config.Data(dataset="cifar10"),
        config.Session(data_dir=str(images)),
    )
    assert results["test_examples"] == 10_000
    close(100 * results["test_accuracy"], percent, 0.02)
