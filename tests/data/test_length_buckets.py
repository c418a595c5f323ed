"""Batches of texts of like length: order, lengths, resumption, replicas."""

import numpy as np
import pytest

from lit_tf import errors
from lit_tf.data import batches, crops, length_buckets, shares
from lit_tf.data.dataset import Split

WHOLE = 10


def texts(examples=23, seed=0):
    """Returns token ids, 1 … and then padding, with numbers as labels."""
    random = np.random.default_rng(seed)
    lengths = random.choice([1, 2, 3, 4, 5, 9], examples)
    mask = (np.arange(WHOLE) < lengths[:, None]).astype(np.int32)
    inputs = {
        "token_ids": mask * (1 + np.arange(examples, dtype=np.int32))[:, None],
        "padding_mask": mask,
        "metadata": np.ones((examples, 3), np.float32),
    }
    return Split(inputs, np.arange(examples, dtype=np.int32)), lengths


def read(split, *, batch_size=4, epochs=1, seed=0, count=5, **settings):
    """Returns the training batches as a list of NumPy pairs."""
    return list(
        batches.training(
            split,
            batch_size=batch_size,
            epochs=epochs,
            seed=seed,
            crop=crops.Crop(),
            buckets=length_buckets.of(split.inputs, count),
            **settings,
        ).as_numpy_iterator()
    )


def labels_of(batches_read):
    return np.concatenate([labels for _, labels in batches_read])


@pytest.mark.parametrize("examples", [1, 4, 22, 24])
def test_an_epoch_visits_every_text_once(examples):
    split, _ = texts(examples)
    orders = labels_of(read(split, epochs=3)).reshape(3, examples)
    for epoch in orders:
        assert sorted(epoch) == list(range(examples))
    if examples > 4:
        assert len({tuple(epoch) for epoch in orders}) == 3


def test_a_batch_has_the_shortest_length_that_holds_its_texts():
    split, lengths = texts(200)
    ladder = np.array([2, 4, 6, 8, 10])
    seen = []
    for inputs, labels in read(split, batch_size=8):
        longest = lengths[labels].max()
        expected = ladder[np.searchsorted(ladder, longest)]
        assert inputs["token_ids"].shape == (len(labels), expected)
        assert inputs["padding_mask"].shape == (len(labels), expected)
        assert inputs["metadata"].shape == (len(labels), 3)
        whole = split.inputs["token_ids"][labels]
        np.testing.assert_array_equal(inputs["token_ids"], whole[:, :expected])
        assert not whole[:, expected:].any()
        seen.append(expected)
    # Four buckets hold texts. Neighbours in the list share a batch at an end.
    assert set(seen) == {2, 4, 6, 10}
    positions = sum(seen) * 8
    needed = ladder[np.searchsorted(ladder, lengths)].sum()
    assert positions <= needed + 3 * 8 * 8
    assert seen != sorted(seen) and seen != sorted(seen)[::-1]


def test_the_last_batch_is_the_smaller_one_and_may_have_any_length():
    split, _ = texts(22)
    last = []
    for step, (inputs, labels) in enumerate(read(split, epochs=20)):
        assert len(labels) == (2 if step % 6 == 5 else 4)
        if step % 6 == 5:
            last.append(inputs["token_ids"].shape[1])
    assert len(set(last)) > 1


def test_a_resumed_run_reads_the_tail_and_replicas_their_parts():
    split, _ = texts()
    whole = read(split, epochs=2, seed=5)
    for step in (3, 7):
        tail = read(split, epochs=2, seed=5, first_step=step)
        np.testing.assert_array_equal(labels_of(tail), labels_of(whole[step:]))
    share = shares.Share(first=0, count=2, replicas=2)
    parts = read(split, epochs=2, seed=5, share=share)
    np.testing.assert_array_equal(labels_of(parts), labels_of(whole))
    for k, (inputs, _) in enumerate(parts):
        of_batch = whole[k // 2][0]["token_ids"].shape[1]
        assert inputs["token_ids"].shape[1] == of_batch


def test_a_text_meets_others_in_every_epoch_and_seed():
    split, lengths = texts(200)
    (number,) = np.flatnonzero(lengths == 9)[:1]
    met = [
        set(labels)
        for seed in (0, 1)
        for _, labels in read(split, epochs=2, batch_size=8, seed=seed)
        if number in labels
    ]
    assert len(met) == 4 and len(set.intersection(*met)) < 4


def test_samples_of_each_bucket_are_cut_to_its_length():
    split, lengths = texts(200)
    buckets = length_buckets.of(split.inputs, 5)
    samples = buckets.samples(split, 3)
    assert sum(share for share, _ in samples) == pytest.approx(1)
    for (share, some), length in zip(samples, (2, 4, 6, 10), strict=True):
        assert some.inputs["token_ids"].shape == (3, length)
        assert (lengths[some.labels] <= length).all()
        fits = (lengths <= length) & (lengths > length - 2 - 2 * (length > 8))
        assert share == pytest.approx(fits.mean())


@pytest.mark.parametrize(
    "inputs", [np.ones((3, 5), np.uint8), {"token_ids": np.ones((3, 5))}]
)
def test_inputs_without_a_padding_mask_are_refused(inputs):
    with pytest.raises(errors.SettingsError, match="an input `padding_mask`"):
        length_buckets.of(inputs, 4)
