"""The flags of the commands, generated from the dataclasses of `config`."""
