"""Defines the absl flags of a command from its dataclasses."""

from absl import flags

from lit_tf.config import flatten
from lit_tf.config.setting import REQUIRED
from lit_tf.flags import commands

_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


class _Renamed(flags.BooleanFlag):
    """The old name of a boolean flag, whose value sets the new one."""

    def __init__(self, name, new, convert):
        self._flag = flags.FLAGS[new]
        self._convert = convert
        super().__init__(
            name, convert(self._flag.value), f"Old name of --{new}."
        )

    def parse(self, argument):
        super().parse(argument)
        self._flag.parse(self._convert(self.value))
        self._flag.using_default_value = False


def define(command: commands.Command) -> None:
    """Defines the flags that a command takes, with their old names."""
    for listed in commands.flags_by_topic(command).values():
        for one in listed:
            _define(one)
    for alias, name in command.aliases.items():
        flags.DEFINE_alias(alias, name)
    for old, (new, convert) in flatten.RENAMED.items():
        if new in flags.FLAGS:
            flags.DEFINE_flag(_Renamed(old, new, convert))


def _define(one):
    # `arguments.assign` checks what is required: an argument may set it.
    default = None if one.default is REQUIRED else one.default
    if one.choices:
        flags.DEFINE_enum(one.name, default, one.choices, one.help)
    elif one.type in _DEFINE:
        _DEFINE[one.type](one.name, default, one.help)
    else:
        flags.DEFINE_list(one.name, [*map(str, default)], one.help)
