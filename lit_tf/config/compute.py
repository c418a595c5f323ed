"""Settings of a run: device, precision, seed; folders, logs, checkpoints."""

import dataclasses
import os

from lit_tf.config import choices
from lit_tf.config.setting import (
    AT_LEAST_0,
    AT_LEAST_1,
    SEED,
    Group,
    setting,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compute(Group):
    """Device, precision and seed settings."""

    seed: int = setting(
        0,
        "Seed of weights, order of examples and augmentation.",
        check=SEED,
        common=True,
    )
    dtype: str = setting(
        "float32",
        "Keras dtype policy of the computation. Variables stay float32.",
        choices=choices.DTYPES,
        common=True,
    )
    strategy: str = setting(
        "default",
        "Devices. default: one device; mirrored: replicas on all visible "
        "devices; multi_worker: replicas on the devices of all machines in "
        "TF_CONFIG.",
        choices=choices.STRATEGIES,
    )
    sync_batch_norm: bool = setting(
        False,
        "Let BatchNorm use the statistics of the global batch instead of "
        "those of each replica's part.",
    )
    jit_compile: str = setting(
        "auto",
        "XLA compilation. auto: on for a single GPU, otherwise off.",
        choices=choices.JIT_COMPILE,
    )
    fast_layers: bool = setting(
        True,
        "Compute layers of Keras faster while a model is trained: "
        "BatchNormalization by a fused kernel, grouped convolutions by "
        "TensorFlow on a CPU, GELU compiled, on one device with equal results "
        "apart from rounding, and Dropout from fewer random bits. With several "
        "replicas the moving statistics are means over them. What is saved has "
        "Keras's own layers.",
    )
    recompute: bool = setting(
        False,
        "Compute activations of the student a second time for the gradient, "
        "in place of keeping them, which needs less memory where it has many "
        "blocks of a size. Results are equal apart from rounding.",
    )
    steps_per_execution: int = setting(
        1,
        "Number of steps per call of the compiled training function. Higher "
        "values save time on a GPU, but the loss is checked, logged and "
        "checkpointed only between calls.",
        check=AT_LEAST_1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session(Group):
    """Folders, logging and checkpoint settings; they never change a result.

    A run may be resumed with another session.
    """

    workdir: str = setting(
        "",
        "Run folder. The same command again resumes the run. Default: "
        "runs/RECIPE in the current folder, or without a recipe "
        "runs/compress or runs/teach; for lit-tune runs/tune.",
        common=True,
    )
    overwrite: bool = setting(
        False,
        "Delete the earlier run in --workdir and start again.",
        common=True,
    )
    data_dir: str = setting(
        "",
        "Folder with the dataset's files: the official archive, its unpacked "
        "contents, or your own files. For npz also the file itself.",
        common=True,
    )
    download: bool = setting(
        False,
        "Let TensorFlow Datasets download what --data_dir does not contain.",
    )
    cache_dir: str = setting(
        "",
        "Folder for decoded images and encoded texts, which any number of "
        "runs share. It may be deleted. Default: lit_tf in the user's cache "
        "folder, $XDG_CACHE_HOME or ~/.cache.",
    )
    teacher_cache_dir: str = setting(
        "",
        "Folder of --teacher_cache=disk and auto, which runs may share. "
        "Default: teacher_cache next to --workdir.",
    )
    checkpoint_minutes: float = setting(
        5.0,
        "Minutes between checkpoints within an epoch; 0 for none. With "
        "several machines only --checkpoint_steps applies.",
        check=AT_LEAST_0,
    )
    checkpoint_steps: int = setting(
        0,
        "Steps between checkpoints within an epoch; 0 for none.",
        check=AT_LEAST_0,
    )
    log_steps: int = setting(
        100,
        "Steps between log rows within an epoch; 0 for none.",
        check=AT_LEAST_0,
    )
    sample_steps: int = setting(
        1000,
        "Steps between two grids of sample images; 0 for only one at the end "
        "of a phase.",
        check=AT_LEAST_0,
    )
    worker_minutes: float = setting(
        5.0,
        "Minutes to wait for the other machines of --strategy=multi_worker.",
        check=AT_LEAST_0,
    )
    inception_weights: str = setting(
        "",
        "File with the weights of Keras's InceptionV3, whose features are "
        "used for FID and Inception score.",
    )
    download_inception: bool = setting(
        False, "Let Keras download the ImageNet weights of InceptionV3."
    )
    feature_model: str = setting(
        "",
        "Your own classifier (.keras), whose features are used instead of "
        "InceptionV3's.",
    )

    @property
    def teacher_cache_folder(self) -> str:
        """The folder of the teacher's cached outputs.

        `teacher_cache_dir`, or by default a folder next to `workdir`, so that
        several runs can share it.
        """
        workdir = os.path.normpath(self.workdir)  # Without a slash at its end.
        default = os.path.join(os.path.dirname(workdir), "teacher_cache")
        return self.teacher_cache_dir or default
