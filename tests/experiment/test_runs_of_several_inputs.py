"""A compression of a classifier of several inputs, from an .npz file."""

import numpy as np
import pytest
import several_inputs
import tensorflow as tf

import lit_tf
from lit_tf import config, errors
from lit_tf.experiment import trained_models
from lit_tf.experiment.run import compress
from lit_tf.interop import saved_model


@pytest.fixture
def own(tmp_path, one_epoch):
    """A function: model → settings of a run on an .npz file."""
    inputs, labels = several_inputs.examples(60)
    arrays = {f"{name}_train": array for name, array in inputs.items()}
    np.savez(tmp_path / "mine.npz", y_train=labels, **arrays)

    def make(model, **settings):
        model.save(tmp_path / "mine.keras")
        return config.Compress(
            teacher_weights=str(tmp_path / "mine.keras"),
            min_teacher_accuracy=0.0,
            lit=one_epoch(16),
            with_fine_tune=False,
            session=config.Session(
                data_dir=str(tmp_path / "mine.npz"),
                workdir=str(tmp_path / "run"),
            ),
            **settings,
        )

    return make


def test_a_run_reads_several_inputs_by_the_names_of_the_teacher(
    own, without_costs, capsys
):
    settings = own(
        several_inputs.network(nested=list),
        shrink=config.Shrink(keep=(1,)),
        data=config.Data(pad=1),
        frozen=config.Frozen(teacher_cache="memory"),
    )
    report = compress(settings)
    assert tuple(report["settings"]["inputs"]) == several_inputs.NAMES[::-1]
    assert report["budget"]["examples"] == report["data"]["train"]
    workdir = settings.session.workdir
    evaluated = trained_models.evaluate(
        workdir,
        config.Data(),
        settings.session,
        teacher_weights=settings.teacher_weights,
    )
    tested = report["student"]["test_accuracy"]
    assert evaluated["test_accuracy"] == pytest.approx(tested)
    student = lit_tf.load(f"{workdir}/student.keras")
    assert [tensor.name for tensor in student.inputs] == ["metadata", "image"]


def test_an_architecture_of_one_input_is_refused(own):
    message = "resnet8 needs data with mean and std. Received: .*metadata"
    with pytest.raises(errors.SettingsError, match=message):
        compress(own(several_inputs.network(), student="resnet8"))


@pytest.mark.parametrize(
    ("names", "nested"),
    [(several_inputs.NAMES, list), (("z", "a"), dict)],
)
def test_a_saved_model_takes_the_inputs_by_name(tmp_path, names, nested):
    model = several_inputs.network(names, nested=nested)
    inputs, _ = several_inputs.examples(5)
    inputs = dict(zip(names, inputs.values(), strict=True))
    expected = model(inputs).numpy()
    folder = tmp_path / "saved_model"
    assert saved_model.write(model, folder, inputs) < 1e-5
    loaded = tf.saved_model.load(str(folder))
    tensors = {
        name: tf.constant(array, tf.float32) for name, array in inputs.items()
    }
    for answer in (
        loaded.serve(tensors),
        loaded.signatures["serving_default"](**tensors),
    ):
        np.testing.assert_allclose(answer["logits"], expected, atol=1e-5)
    read = saved_model.read(folder)
    np.testing.assert_allclose(read(inputs), expected, atol=1e-5)
