"""Flags of code that models need and the package does not have."""

from absl import flags

flags.DEFINE_list(
    "custom_objects",
    [],
    "Modules, such as my_layers, that are imported before a model is read, "
    "from where Python finds them or the present folder. They register their "
    "classes with keras.saving.register_keras_serializable; code that is in a "
    "model's file is never run.",
)
