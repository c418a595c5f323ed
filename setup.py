"""Packaging: `flags/` and `launch/` are installed inside `lit_tf`."""

import setuptools

setuptools.setup(
    packages=[
        *setuptools.find_packages(include=["lit_tf", "lit_tf.*"]),
        "lit_tf.flags",
        "lit_tf.launch",
    ],
    package_dir={
        "lit_tf": "lit_tf",
        "lit_tf.flags": "flags",
        "lit_tf.launch": "launch",
    },
)
