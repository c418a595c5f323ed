"""Messages of exceptions."""

from lit_tf import errors


def test_the_message_for_an_unknown_name_has_the_nearest_one():
    results = errors.unknown("model", "resnt20", ["vdcnn9", "resnet20"])
    assert results == (
        "Unknown model 'resnt20'. Known: vdcnn9, resnet20. The nearest is "
        "resnet20."
    )


def test_what_tensorflow_adds_for_its_developers_is_left_out():
    error = ValueError(
        "Exception encountered when calling Embedding.call().\n\n"
        "\x1b[1m{{function_node __wrapped__GatherV2_device_/job:localhost}} "
        "indices[0,0] = 108 is not in [0, 20) [Op:GatherV2] name: \x1b[0m"
    )
    assert errors.line(error) == (
        "Exception encountered when calling Embedding.call(). indices[0,0] = "
        "108 is not in [0, 20)"
    )
