"""A search compares the score of its task, in its files and in TensorBoard."""

import json
import pathlib

import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata

from lit_tf import errors
from lit_tf.tuning import search, stages


def columns(settings):
    """Returns the columns of TensorBoard's HParams tab."""
    events = event_accumulator.EventAccumulator(settings.session.workdir)
    events.Reload()
    content = events.PluginTagToContent(metadata.PLUGIN_NAME)
    return metadata.parse_experiment_plugin_data(
        content[metadata.EXPERIMENT_TAG]
    )


def test_tensorboard_knows_the_settings_and_the_metric(wanted, played):
    search.tune(wanted(), played({}))
    results = columns(wanted())
    domains = {
        one.name: [
            getattr(value, value.WhichOneof("kind"))
            for value in one.domain_discrete.values
        ]
        for one in results.hparam_infos
    }
    # Values that other stages use are listed too, or the tab would hide their
    # trials.
    assert domains == {
        "temperature": [2.0, 6.0],
        "alpha": [0.1, 0.9, 0.95],
        "beta": [0.25, 0.5, 0.75],
        "seed": [0],
        "student": ["resnet20", "resnet8"],
        "phase": ["fine_tune", "lit"],
    }
    (metric,) = results.metric_infos
    assert metric.name.tag == "validation/accuracy"


@pytest.mark.parametrize(
    ("name", "metric"),
    [("cosine", "validation/soft"), ("likeness", "validation/kd")],
)
def test_a_search_without_labels_compares_the_score_of_its_task(
    name, metric, wanted, played
):
    run = played({"beta=0.5/seed=0": 0.75}, score=f"validation_{name}")
    settings = wanted(small_student="", temperatures=(), alphas=())
    decided = search.tune(settings, run)
    assert (decided[0].score, decided[0].chosen) == (name, 0.5)
    text = pathlib.Path(settings.session.workdir, "tuned.flags").read_text()
    assert f"| validation {name}" in text and " 0.750000 " in text
    assert search.tune(settings, run) == decided
    assert [one.name.tag for one in columns(settings).metric_infos] == [metric]


def test_the_scores_of_an_earlier_version_are_accuracies(wanted, played):
    decided = search.tune(wanted(), played({"beta=0.5/seed=0": 0.7}))
    file = pathlib.Path(wanted().session.workdir, "tune.json")
    known = json.loads(file.read_text())
    for stage in known["stages"]:
        assert stage.pop("score") == "accuracy"
    file.write_text(json.dumps(known))
    assert search.tune(wanted(), played({})) == decided


def test_a_report_without_a_score_is_named(wanted, played):
    settings = wanted(student="resnet8")
    search.tune(settings, lambda plan: None)
    (trial, *_) = stages.planned(settings, "temperature", {})
    trial.folder.mkdir(parents=True)
    texts = {
        "{": "is damaged",
        "{}": "is damaged",
        '{"student": {"best": {}}}': "is damaged",
        '{"student": {"best": null}}': "chosen on validation.* need an epoch",
    }
    for text, message in texts.items():
        (trial.folder / "report.json").write_text(text)
        with pytest.raises(errors.DataError, match=message):
            search.tune(settings, played({}))
