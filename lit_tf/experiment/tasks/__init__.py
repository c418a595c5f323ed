"""Tasks by name: classification, embeddings and image translation.

Adding a task is a module with a `Task` and a line in `TASKS`.
"""

from lit_tf.experiment.tasks.classification import Classification
from lit_tf.experiment.tasks.embeddings import Embeddings
from lit_tf.experiment.tasks.image_translation import ImageTranslation
from lit_tf.experiment.tasks.task import Task

TASKS: dict[str, Task] = {
    "classes": Classification(),
    "embeddings": Embeddings(),
    "images": ImageTranslation(),
}
