"""Tiny models of KerasHub with random weights, and texts for them."""

import pytest
import seeds

WORDS = ("film", "good", "bad", "plot", "actor", "dull")
_VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


def bert(*, seed=0):
    """Returns a text classifier with its preprocessor.

    Args:
        seed: the seed of the weights.
    """
    hub = pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    seeds.set_all(seed)
    tokenizer = hub.models.BertTokenizer(vocabulary=_VOCABULARY, lowercase=True)
    preprocessor = hub.models.BertTextClassifierPreprocessor(
        tokenizer, sequence_length=8
    )
    backbone = hub.models.BertBackbone(
        vocabulary_size=len(_VOCABULARY),
        num_layers=2,
        num_heads=2,
        hidden_dim=4,
        intermediate_dim=8,
        max_sequence_length=8,
    )
    return hub.models.BertTextClassifier(
        backbone, num_classes=2, preprocessor=preprocessor
    )


def write_tables(folder, *, counts=(12, 6)):
    """Writes train.csv and test.csv with labels 1 and 2."""
    texts = [f"{first} {second}" for first in WORDS for second in WORDS]
    for part, count in zip(("train", "test"), counts, strict=True):
        lines = (f'"{i % 2 + 1}","{texts[i]}"\n' for i in range(count))
        (folder / f"{part}.csv").write_text("".join(lines))
    return texts
