"""Packaging: `flags/` and `launch/` install inside `lit_tf`."""

import setuptools

# A module that would bear a keyword's name has an underscore behind it.
COMMANDS = (
    "benchmark",
    "compress",
    "evaluate",
    "export",
    "import_",
    "report",
    "teach",
    "tune",
)

setuptools.setup(
    packages=[
        "lit_tf",
        "lit_tf.benchmark",
        "lit_tf.comparison",
        "lit_tf.config",
        "lit_tf.data",
        "lit_tf.evaluation",
        "lit_tf.experiment",
        "lit_tf.experiment.tasks",
        "lit_tf.interop",
        "lit_tf.layers",
        "lit_tf.losses",
        "lit_tf.methods",
        "lit_tf.models",
        "lit_tf.outputs",
        "lit_tf.sections",
        "lit_tf.teacher",
        "lit_tf.training",
        "lit_tf.tuning",
        "lit_tf.utils",
        "lit_tf.flags",
        "lit_tf.launch",
    ],
    package_dir={
        "lit_tf": "lit_tf",
        "lit_tf.flags": "flags",
        "lit_tf.launch": "launch",
    },
    package_data={"lit_tf.flags": ["recipes/*.flags"]},
    entry_points={
        "console_scripts": [
            f"lit-{name.rstrip('_')} = lit_tf.launch.{name}:main"
            for name in COMMANDS
        ]
    },
)
