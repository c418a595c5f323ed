"""`Run`: what a run says of its settings."""

from lit_tf import config
from lit_tf.experiment.context import Run


def test_tensorboard_does_not_show_architectures_that_were_ignored():
    settings = config.Compress(
        teacher_weights="mine.keras", shrink=config.Shrink(compression=2)
    )
    run = Run(settings=settings, command="", dataset=None, folder=None)
    assert not {"teacher", "student"} & run.hparams.keys()
    assert run.hparams["compression"] == 2
    paper = config.Compress(teacher_weights="resnet56.h5")
    run = Run(settings=paper, command="", dataset=None, folder=None)
    assert {"teacher", "student"} <= run.hparams.keys()
