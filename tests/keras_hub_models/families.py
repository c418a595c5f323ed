"""Tiny models of KerasHub with random weights, by name."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

LENGTH = 12
_VOCABULARY = 50
# Arguments of many classes.
_TEXT = {
    "vocabulary_size": _VOCABULARY,
    "num_layers": 4,
    "hidden_dim": 8,
    "intermediate_dim": 16,
}
_HEADS = _TEXT | {"num_heads": 2}
_POSITIONS = _HEADS | {"max_sequence_length": LENGTH}
_QUERIES = _TEXT | {"num_query_heads": 2, "num_key_value_heads": 1}
_IMAGES = {
    "image_shape": (16, 16, 3),
    "patch_size": 4,
    "num_layers": 4,
    "num_heads": 2,
    "hidden_dim": 8,
}


def _electra(models):
    settings = {k: v for k, v in _POSITIONS.items() if k != "vocabulary_size"}
    return models.ElectraBackbone(
        vocab_size=_VOCABULARY, embedding_dim=8, **settings
    )


def _resnet(models):
    return models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 128],
        stackwise_num_blocks=[3, 3],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(16, 16, 3),
    )


def mit(models):
    """Returns a MiT, whose layers describe themselves wrongly.

    Args:
        models: `keras_hub.models`.
    """
    return models.MiTBackbone(
        image_shape=(32, 32, 3),
        layerwise_depths=[3, 3],
        num_layers=2,
        layerwise_num_heads=[1, 2],
        layerwise_sr_ratios=[4, 2],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3],
        layerwise_strides=[4, 2],
        hidden_dims=[8, 16],
    )


def _vit(models):
    return models.ViTBackbone(mlp_dim=16, **_IMAGES)


def _bert(models):
    return models.BertBackbone(**_POSITIONS)


def _gpt2(models):
    return models.GPT2Backbone(**_POSITIONS)


def t5(models):
    """Returns a T5. Its first block makes a position bias that all pass on.

    Args:
        models: `keras_hub.models`.
    """
    return models.T5Backbone(**_HEADS)


# keras_hub.models → a model, and the blocks of its sections.
FAMILIES: dict[str, tuple[Callable[[Any], keras.Model], tuple[int, ...]]] = {
    "BERT": (_bert, (4,)),
    "BERT, text classifier": (
        lambda m: m.BertTextClassifier(_bert(m), num_classes=3),
        (4,),
    ),
    "BERT, masked language model": (lambda m: m.BertMaskedLM(_bert(m)), (4,)),
    "DistilBERT": (lambda m: m.DistilBertBackbone(**_POSITIONS), (4,)),
    "RoBERTa": (lambda m: m.RobertaBackbone(**_POSITIONS), (4,)),
    "ALBERT": (
        lambda m: m.AlbertBackbone(embedding_dim=8, **_POSITIONS),
        (4,),
    ),
    "DeBERTa-v3": (
        lambda m: m.DebertaV3Backbone(bucket_size=8, **_POSITIONS),
        (4,),
    ),
    "ELECTRA": (_electra, (4,)),
    "XLNet": (lambda m: m.XLNetBackbone(**_HEADS), (4,)),
    "FNet": (
        lambda m: m.FNetBackbone(max_sequence_length=LENGTH, **_TEXT),
        (4,),
    ),
    "GPT2": (_gpt2, (4,)),
    "GPT2, language model": (lambda m: m.GPT2CausalLM(_gpt2(m)), (4,)),
    "Gemma": (lambda m: m.GemmaBackbone(head_dim=4, **_QUERIES), (4,)),
    "Llama": (lambda m: m.LlamaBackbone(**_QUERIES), (4,)),
    "Mixtral": (
        lambda m: m.MixtralBackbone(num_experts=2, top_k=1, **_QUERIES),
        (4,),
    ),
    "ViT": (_vit, (4,)),
    "ViT, image classifier": (
        lambda m: m.ViTImageClassifier(_vit(m), num_classes=3),
        (4,),
    ),
    "DINOv2": (
        lambda m: m.DINOV2Backbone(intermediate_dim=16, **_IMAGES),
        (4,),
    ),
    "CLIP, vision": (
        lambda m: m.CLIPVisionEncoder(intermediate_dim=16, **_IMAGES),
        (4,),
    ),
    "ResNet": (_resnet, (3, 3)),
    "BART, decoder": (lambda m: m.BartBackbone(**_POSITIONS), (4,)),
    "Whisper, encoder": (lambda m: m.WhisperBackbone(**_HEADS), (4,)),
}
# Those whose students are functional models, not of the same class.
FUNCTIONAL = ("ResNet", "BART, decoder", "Whisper, encoder")


def examples(model: keras.Model, count: int = 2) -> Any:
    """Returns random inputs of a model, some of which end in padding.

    Args:
        model: a model of `FAMILIES`.
        count: number of examples.
    """
    random = np.random.default_rng(0)

    def values(tensor):
        shape = [count, *(size or LENGTH for size in tensor.shape[1:])]
        if "padding_mask" in tensor.name:
            ends = random.integers(4, LENGTH + 1, (count, 1))
            return (np.arange(LENGTH) < ends).astype("int32")
        if "int" in str(tensor.dtype):
            # Segments are 0 or 1; positions are within the text.
            return random.integers(0, 2, shape).astype("int32")
        return random.normal(size=shape).astype("float32")

    return keras.tree.map_structure(values, model.input)
