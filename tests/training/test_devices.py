"""Where a model is computed, and what is said of it."""

import pytest
import tensorflow as tf

from lit_tf.training import devices


@pytest.mark.parametrize("count", [1, 2])
def test_mirrored_on_one_device_says_so(monkeypatch, capsys, count):
    found = tf.config.list_logical_devices("CPU")[:count]

    def visible(kind):
        return found if kind == "CPU" else []

    made = []
    monkeypatch.setattr(tf.config, "list_logical_devices", visible)
    # Not a real one, which would abort the collectives of other tests'.
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", made.append)
    devices._mirrored.__wrapped__()
    assert made == [[device.name for device in found]]
    said = capsys.readouterr().out
    assert ("has one device, /device:CPU:0." in said) == (count == 1)


def test_jit_compile_leaves_a_choice_or_makes_it():
    chosen = [devices.jit_compile(word) for word in ("auto", "on", "off")]
    assert chosen == [None, True, False]
