"""What is learned: classes, or images. A line in `TASKS` each, by name.

A data set names its task (`Dataset.task`). The task's module knows what is
trained for it, what is watched meanwhile, and what proves a student as good.
"""

from lit_tf.experiment.tasks import classes, images

TASKS = {"classes": classes, "images": images}
