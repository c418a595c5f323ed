"""BERT from Hugging Face's names, against PyTorch's own operations."""

import json

import keras
import numpy as np
import pytest

from lit_tf import errors
from lit_tf.interop import bert, hub_texts

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
safetensors = pytest.importorskip("safetensors.torch")
pytest.importorskip("keras_hub", reason="KerasHub is not installed")

pytestmark = pytest.mark.hub

CONFIG = {
    "model_type": "bert",
    "vocab_size": 11,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": 8,
    "intermediate_size": 12,
    "max_position_embeddings": 9,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    # Larger than BERT's, so that an ignored one shows.
    "layer_norm_eps": 1e-2,
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcd", "##e", "cafe"]


def linear(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def arrays(prefix="", *, pooler=True):
    """Returns random weights of a BERT by Hugging Face's names."""
    width, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    norm = {"LayerNorm.weight": (width,), "LayerNorm.bias": (width,)}
    shapes = {
        "embeddings.word_embeddings.weight": (CONFIG["vocab_size"], width),
        "embeddings.position_embeddings.weight": (9, width),
        "embeddings.token_type_embeddings.weight": (2, width),
    } | {f"embeddings.{name}": shape for name, shape in norm.items()}
    for i in range(CONFIG["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        for name in ("query", "key", "value"):
            shapes |= linear(f"{layer}.attention.self.{name}", width, width)
        shapes |= linear(f"{layer}.attention.output.dense", width, width)
        shapes |= linear(f"{layer}.intermediate.dense", width, inner)
        shapes |= linear(f"{layer}.output.dense", inner, width)
        for place in ("attention.output", "output"):
            shapes |= {f"{layer}.{place}.{k}": v for k, v in norm.items()}
    if pooler:
        shapes |= linear("pooler.dense", width, width)
    random = torch.Generator().manual_seed(0)
    return {
        prefix + name: torch.randn(shape, generator=random)
        for name, shape in shapes.items()
    }


def forward(weights, ids, segments, mask):
    """Computes a BERT as its paper and Hugging Face define it."""
    functional = torch.nn.functional

    def dense(x, name):
        return functional.linear(
            x, weights[f"{name}.weight"], weights[f"{name}.bias"]
        )

    def norm(x, name):
        scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], scale, shift, 1e-2)

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = x + weights["embeddings.token_type_embeddings.weight"][segments]
    x = norm(x, "embeddings.LayerNorm")
    for i in range(CONFIG["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        query, key, value = (
            dense(x, f"{layer}.attention.self.{name}")
            .unflatten(-1, (CONFIG["num_attention_heads"], -1))
            .transpose(1, 2)
            for name in ("query", "key", "value")
        )
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :].bool()
        )
        attended = attended.transpose(1, 2).flatten(-2)
        attended = dense(attended, f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        inner = functional.gelu(dense(x, f"{layer}.intermediate.dense"))
        x = x + dense(inner, f"{layer}.output.dense")
        x = norm(x, f"{layer}.output.LayerNorm")
    return x, torch.tanh(dense(x[:, 0], "pooler.dense"))


@pytest.fixture
def checkpoint(tmp_path):
    """A function: weights, config, words → the path of a checkpoint."""

    def write(weights, words=WORDS, **config):
        path = tmp_path / "model.safetensors"
        safetensors.save_file(weights, path)
        content = {k: v for k, v in (CONFIG | config).items() if v is not None}
        (tmp_path / "config.json").write_text(json.dumps(content))
        vocabulary = {word: i for i, word in enumerate(words)}
        model = {"type": "WordPiece", "vocab": vocabulary}
        normalizer = {"lowercase": True, "strip_accents": None}
        (tmp_path / "tokenizer.json").write_text(
            json.dumps({"model": model, "normalizer": normalizer})
        )
        return str(path)

    return write


def test_a_bert_answers_as_in_pytorch_and_after_it_was_saved(
    checkpoint, tmp_path, close
):
    weights = arrays()
    output = tmp_path / "encoder" / "bert.keras"
    results = bert.import_encoder(checkpoint(weights), str(output))
    assert results["preprocessor"] == str(output.parent / "preprocessor")
    model = keras.models.load_model(output)
    random = np.random.default_rng(0)
    ids = random.integers(0, 11, (4, 9))
    segments = random.integers(0, 2, (4, 9))
    mask = (np.arange(9) < [[9], [4], [1], [6]]).astype(int)
    answers = model(
        {"token_ids": ids, "segment_ids": segments, "padding_mask": mask}
    )
    tensors = map(torch.from_numpy, (ids, segments, mask))
    sequence, pooled = forward(weights, *tensors)
    real = mask[..., np.newaxis]
    close(answers["sequence_output"] * real, sequence.numpy() * real, 1e-5)
    close(answers["pooled_output"], pooled.numpy(), 1e-5)


def test_heads_and_old_names_are_read_and_a_pooler_may_be_missing(checkpoint):
    weights = arrays("bert.", pooler=False)
    weights = {
        name.replace("Norm.weight", "Norm.gamma").replace(
            "Norm.bias", "Norm.beta"
        ): array
        for name, array in weights.items()
    }
    weights["bert.embeddings.position_ids"] = torch.arange(9.0)
    weights["classifier.weight"] = torch.ones(2, 8)
    model = bert.from_weights(checkpoint(weights))
    assert list(model.output) == ["sequence_output"]


def test_the_tokenizer_lowers_letters_and_removes_accents(checkpoint):
    path = checkpoint(arrays())
    preprocessor = bert.preprocessor_of(path)
    assert preprocessor.sequence_length == 9
    ids = preprocessor(["Café AE b z"])["token_ids"]
    np.testing.assert_array_equal(ids[0], [2, 10, 5, 9, 6, 1, 3, 0, 0])
    key = hub_texts.Tokens(preprocessor).key
    assert key == hub_texts.Tokens(bert.preprocessor_of(path)).key


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_attention_heads": None}, "must state num_attention_heads"),
        ({"num_attention_heads": 3}, "of another shape|does not describe"),
        ({"model_type": "roberta"}, "Received: roberta with absolute"),
        ({"hidden_act": "mish"}, "activation.*mish"),
        ({"hidden_size": "8"}, "does not describe a BERT"),
        ({"num_hidden_layers": 3}, "16 missing .*encoder.layer.2"),
        ({"num_hidden_layers": 1}, "16 unexpected .*encoder.layer.1"),
        (
            {"vocab_size": 12},
            r"of another shape .*\[11, 8\] instead of \[12, 8",
        ),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(checkpoint, changed, message):
    with pytest.raises(errors.DataError, match=message):
        bert.from_weights(checkpoint(arrays(), **changed))


def test_a_tokenizer_of_another_kind_is_refused(checkpoint, tmp_path):
    path = checkpoint(arrays())
    model = {"type": "BPE", "vocab": {}}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
    with pytest.raises(errors.DataError, match="word pieces .*: BPE with 0"):
        bert.preprocessor_of(path)
