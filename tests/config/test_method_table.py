"""The table of methods: its entries, and registration of another one."""

import dataclasses
import subprocess
import sys

import pytest

from lit_tf import config, errors
from lit_tf.config import method_table

MINE = method_table.Method(
    name="mine",
    about="a method of my own",
    stages=f"{__name__}:stages_of_my_own",
    settings=("init",),
    label="my method",
    ends="new, trained",
)


def stages_of_my_own(pair):
    yield pair


@pytest.fixture
def registered(monkeypatch):
    """Registers a method for the length of a test."""
    monkeypatch.setattr(method_table, "_TABLE", dict(method_table._TABLE))
    method_table.register(MINE)


def test_the_names_are_in_the_order_of_the_table():
    assert method_table.names() == (
        "lit",
        "scratch",
        "scratch_copied",
        "kd",
        "hint",
        "multi_hint",
        "born_again",
        "network_slimming",
    )


@pytest.mark.parametrize("name", method_table.names())
def test_a_built_in_method_describes_itself_and_has_stages(name):
    method = method_table.get(name)
    assert method.name == name and method.about
    assert callable(method.load())


def test_the_table_does_not_load_tensorflow():
    script = (
        "import sys; from lit_tf.config import method_table;"
        "method_table.names();"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_an_unknown_method_is_refused_with_the_nearest():
    with pytest.raises(errors.SettingsError, match="The nearest is hint."):
        method_table.get("hind")


def test_settings_may_choose_a_registered_method(registered):
    config.Compress(method="mine", init="teacher_blocks")
    assert list(method_table.get("mine").load()(1)) == [1]
    assert method_table.names()[-1] == "mine"
    assert method_table.readers("init") == (
        *("lit", "scratch_copied", "kd", "hint"),
        "mine",
    )
    with pytest.raises(errors.SettingsError, match="`copy_ends` is only for"):
        config.Compress(method="mine", copy_ends=False)


def test_reports_name_a_method_by_its_label(registered):
    assert method_table.label("mine") == "my method"
    assert method_table.label("kd") == "kd"
    assert method_table.label("not registered here") == "not registered here"


def test_every_method_reads_a_setting_that_is_not_specific(registered):
    assert method_table.readers("alpha") == method_table.names()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "kd"}, "There is already a method 'kd'."),
        ({"settings": ("alpha",)}, "`settings` must be some of .*: alpha."),
    ],
)
def test_a_method_with_a_taken_name_or_unknown_setting_is_not_registered(
    changes, message
):
    with pytest.raises(ValueError, match=message):
        method_table.register(dataclasses.replace(MINE, **changes))
    assert "mine" not in method_table.names()


@pytest.mark.parametrize("stages", ["nowhere:f", "lit_tf.errors:f", "f"])
def test_stages_that_cannot_be_imported_are_named(stages):
    method = dataclasses.replace(MINE, stages=stages)
    with pytest.raises(errors.SettingsError, match="package.module:function"):
        method.load()
