"""Whether Keras can open a file without `lit_tf`."""

import json
import pathlib
import zipfile


def config_of(path: pathlib.Path) -> dict:
    """Returns the configuration in a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def is_enough_for(path: pathlib.Path) -> bool:
    """Returns whether no class in a `.keras` file is of `lit_tf`.

    What Keras does not read is left out.

    Args:
        path: the file.
    """
    config = config_of(path)
    config.get("build_config", {}).pop("lit_tf", None)
    return "lit_tf" not in json.dumps(config)
