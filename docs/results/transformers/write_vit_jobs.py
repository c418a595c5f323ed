"""Writes the training of the ViT of `vit.py` as a job for an accelerator.

    python docs/results/transformers/write_vit_jobs.py DATA_DIR FOLDER
    python tools/accelerator/run.py FOLDER
    python docs/results/transformers/write_vit_jobs.py DATA_DIR FOLDER \
        TEACHER.keras

The first command writes the job, the last one the model that it trained. The
teacher is trained by `lit_tf.Teach` on the 45,000 images that are not set apart
for validation, with AdamW and seed 0, in 60 epochs.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tools/accelerator"))

import keras
import numpy as np
import vit
from job_writer import JobWriter

import lit_tf
from lit_tf import config

VALIDATION = 0.1
PHASE = config.Phase(
    epochs=vit.EPOCHS,
    batch_size=vit.BATCH,
    optimizer="adamw",
    learning_rate=vit.RATE,
    weight_decay=0.05,
    milestones=(),
    cosine_decay=1.0,
)
NAME = "vit_teacher"


def main():
    data_dir, folder, *target = sys.argv[1:]
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    model = vit.vit()
    if target:
        with np.load(folder / "results/students_0.npz") as trained:
            for number, variable in enumerate(model.variables):
                variable.assign(trained[f"{NAME}/student/{number}"])
        model.save(target[0])
        return
    common = {"dataset": "cifar10", "data_dir": data_dir}
    writer = JobWriter(folder, common)
    settings = writer.settings(validation_fraction=VALIDATION)
    trainer = lit_tf.Teach(model)
    writer.add_teacher(NAME, trainer, PHASE, writer.dataset(settings))
    writer.close()
    writer.write_data(VALIDATION)


if __name__ == "__main__":
    main()
