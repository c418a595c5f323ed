"""The report names operations that the FLOPs do not include."""

import keras
from home_made import recurrent

import lit_tf
from lit_tf.experiment import export_costs, report_text

NOTE = (
    "FLOPs leave out these operations, which cannot be counted: While (MatMul)."
)


def _report(costs):
    """Returns the entries from which a teacher's report is written."""
    return {
        "teacher": costs | {"validation_accuracy": None},
        "data": {"name": "series"},
        "wall_seconds": {"teach": 1.0},
        "settings": {"seed": 0},
        "command": "lit-train",
    }


def test_the_table_of_parts_has_the_shapes_of_representations():
    x = keras.Input((4, 6))
    mask = keras.Input((4,), dtype="bool")
    start = keras.Input((4, 5))
    model = lit_tf.SectionedModel(
        keras.Model([x, mask], [keras.layers.Dense(5)(x), mask]),
        [keras.Model(start, keras.layers.Dense(5)(start))],
        keras.Model(start, keras.layers.GlobalAveragePooling1D()(start)),
    )
    table = report_text.sections(model, model, ends="", sections="")
    shown = [row.split("|")[2].strip() for row in table.splitlines()[2:]]
    assert shown == ["4×5", "4×5", "5"]


def test_a_report_names_the_uncounted_operations(tmp_path):
    costs = export_costs.costs(recurrent(), tmp_path)
    assert costs["uncounted_operations"] == ["While (MatMul)"]
    assert NOTE in report_text.of_teacher(_report(costs), []).splitlines()


def test_a_report_has_no_note_if_every_operation_is_counted(build, tmp_path):
    costs = export_costs.costs(build(), tmp_path)
    assert "uncounted_operations" not in costs
    assert "cannot be counted" not in report_text.of_teacher(_report(costs), [])
