"""The table of the last and the best student."""

import pytest

from lit_tf.experiment.tasks import students_table

COLUMNS = (
    ("validation", "validation_accuracy", "{:.1%}".format),
    ("test", "test_accuracy", "{:.1%}".format),
)


def student(epoch, validation):
    return {
        "epoch": epoch,
        "phase": "fine_tune",
        "validation_accuracy": validation,
        "test_accuracy": 0.5,
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            {
                "exported": "best",
                "last": student(3, 0.25),
                "best": student(2, 0.75),
            },
            [
                ["last", "3 of fine_tune", "25.0%", "50.0%"],
                ["best (exported)", "2 of fine_tune", "75.0%", "50.0%"],
            ],
        ),
        (
            {"exported": "last", "last": student(3, None), "best": None},
            [["last (exported)", "3 of fine_tune", "—", "50.0%"]],
        ),
    ],
)
def test_each_student_has_a_row(found, expected):
    table, *_ = students_table.lines(found, COLUMNS)
    heading, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
    ]
    assert heading == ["student", "epoch", "validation", "test"]
    assert rows == expected
