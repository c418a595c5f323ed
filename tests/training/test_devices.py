"""Devices of the mirrored strategy, and the choice of XLA."""

import pytest
import tensorflow as tf

from lit_tf.training import devices


@pytest.mark.parametrize("count", [1, 2])
def test_mirrored_on_one_device_says_so(monkeypatch, capsys, count):
    cpus = tf.config.list_logical_devices("CPU")[:count]

    def visible(kind):
        return cpus if kind == "CPU" else []

    created = []
    monkeypatch.setattr(tf.config, "list_logical_devices", visible)
    # A real one would abort the collectives of other tests.
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", created.append)
    devices._mirrored.__wrapped__()
    assert created == [[device.name for device in cpus]]
    printed = capsys.readouterr().out
    assert ("has only one device: /device:CPU:0." in printed) == (count == 1)


def test_jit_compile_is_on_off_or_left_to_the_trainer():
    chosen = [devices.jit_compile(x) for x in ("auto", "on", "off")]
    assert chosen == [None, True, False]


def test_there_is_one_mirrored_strategy_per_process():
    # A second one would reuse the numbers of the collectives; both would fail.
    assert devices.strategy("mirrored") is devices.strategy("mirrored")
