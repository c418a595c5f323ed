"""Any bytes as metrics, checkpoint or flag file: a result or one sentence."""

import io
import json

import numpy as np
import pytest
from absl import flags
from hypothesis import given
from mutations import EXAMPLES, Touch, check, contents

from lit_tf import errors, outputs
from lit_tf.experiment import curves
from lit_tf.flags import flag_files
from lit_tf.methods import supervised
from lit_tf.training import checkpoint, optimizers

ROWS = [
    {"phase": "lit", "epoch": 1, "step": 3, "total": 0.5},
    {"phase": "fine_tune", "epoch": 2, "step": 3, "total": float("nan")},
    {"phase": "lit", "epoch": 2, "section_1/penalty_teacher_fed": 1e300},
]
METRICS = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
DEEP = b"[" * 99_000 + b"\n"
HUGE = b'{"phase": "lit", "epoch": ' + b"9" * 5000 + b"}\n"


@EXAMPLES
@given(content=contents(METRICS, METRICS + DEEP, HUGE + METRICS, DEEP))
def test_any_metrics_are_rows_or_skipped(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "metrics.jsonl"
    path.write_bytes(content)
    for row in check(lambda: curves.read(path), len(content)):
        assert isinstance(row["phase"], str)
        float(row["epoch"]), [float(v) for k, v in row.items() if k != "phase"]


def test_damaged_metrics_can_be_drawn(tmp_path):
    path = tmp_path / "metrics.jsonl"
    odd = [
        {"phase": "lit", "epoch": 3, "section_x/penalty_y": 1},
        {"phase": "lit", "epoch": 10**400},
        {"phase": ["lit"], "epoch": 1},
        {"epoch": 1},
        [1],
    ]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in odd)
    path.write_bytes(METRICS + lines + HUGE + DEEP + b"\xff\xfe{}\n")
    curves.draw(path, tmp_path / "x.png", {"total": "loss"}, teacher=None)
    assert len(curves.read(path)) == 4


FLAGS = b"# comment\n--beta=0.5\n\n--epochs=3\n// comment\n--noslow\n"


def parsed(path):
    """Parses a flag file as a command does."""
    values = flags.FlagValues()
    flags.DEFINE_float("beta", 0.0, "", flag_values=values)
    flags.DEFINE_integer("epochs", 0, "", flag_values=values)
    flags.DEFINE_boolean("slow", False, "", flag_values=values)
    flags.DEFINE_string("flagfile", "", "", flag_values=values)
    line = [f"--flagfile={path}"]
    flag_files.check(line)
    try:
        return values(["command", *line])
    except (flags.Error, OSError, ValueError) as error:  # As in command.py.
        raise errors.SettingsError(" ".join(str(error).split()) + ".") from None


@EXAMPLES
@given(content=contents(FLAGS, FLAGS.decode().encode("utf-16"), b"--beta\n"))
def test_any_flag_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "some.flags"
    path.write_bytes(content)
    check(lambda: parsed(path), len(content))


def test_a_flag_file_that_cannot_be_read_is_named(tmp_path):
    binary, large = tmp_path / "binary", tmp_path / "large"
    binary.write_bytes(b"\xff\xfe-\0-\0")
    large.write_bytes(b"#" * 2**21)
    for path, message in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "Is a directory"),
        (binary, "not valid UTF-8"),
        (large, "at most 1 MB"),
    ):
        with pytest.raises(errors.SettingsError, match=message):
            flag_files.check(["--flagfile", str(path)])


def test_flag_files_that_name_each_other_end(tmp_path):
    for i in range(30):  # Each names the next one twice.
        inner = f"--flagfile={tmp_path}/{min(i + 1, 29)}\n"
        (tmp_path / str(i)).write_text(inner * 2)
    with pytest.raises(errors.SettingsError, match="at most 100"):
        flag_files.check([f"--flagfile={tmp_path}/0"])
    (tmp_path / "29").write_text(f"--flagfile={tmp_path}/29\n--beta=1\n")
    assert len(parsed(tmp_path / "29")) == 1


@pytest.fixture(scope="module")
def trainer(dense):
    """A compiled trainer of a small model."""
    model = supervised.Teach(dense(0), outputs=outputs.Classes())
    model.compile(optimizers.Adam(0.1, momentum=0.5))
    model.optimizer.build(model.student.trainable_variables)
    return model


def test_any_checkpoint_of_a_run_is_restored_or_refused(tmp_path, trainer):
    saved = checkpoint.Checkpoint(tmp_path / "checkpoint.npz", trainer)
    assert saved.save(checkpoint.Position(step=3, epoch=1))
    whole = saved.path.read_bytes()
    other = io.BytesIO()
    np.savez(other, position='{"step": "x", "other": [1]}', paths="[" * 9999)

    @EXAMPLES
    @given(content=contents(whole, other.getvalue()))
    def restore(content):
        saved.path.write_bytes(content)
        check(saved.restore, len(content))

    restore()
    saved.path.write_bytes(whole)
    assert saved.restore() == checkpoint.Position(step=3, epoch=1)


def test_objects_in_a_checkpoint_of_a_run_are_not_run(tmp_path, trainer):
    saved = checkpoint.Checkpoint(tmp_path / "checkpoint.npz", trainer)
    marker = tmp_path / "marker"
    np.savez(saved.path, position=np.array([Touch(marker)]))
    with pytest.raises(errors.DataError, match="Python objects.* not read"):
        saved.restore()
    assert not marker.exists()
