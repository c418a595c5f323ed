"""Messages of exceptions."""

from lit_tf import errors


def test_the_message_for_an_unknown_name_has_the_nearest_one():
    results = errors.unknown("model", "resnt20", ["vdcnn9", "resnet20"])
    assert results == (
        "Unknown model 'resnt20'. Known: vdcnn9, resnet20. The nearest is "
        "resnet20."
    )
