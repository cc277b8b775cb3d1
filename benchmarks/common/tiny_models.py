"""Models of many families with random weights and few parameters, saved as transformers saves them.

The structure of a family is the true one (attention, positions, activations, heads); only its sizes are small.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Head = Literal["classification", "tags", "vectors", "pairs", "answers"]
HEADS: Mapping[Head, str] = {
    "classification": "AutoModelForSequenceClassification",
    "tags": "AutoModelForTokenClassification",
    "vectors": "AutoModel",
    "pairs": "AutoModelForSequenceClassification",
    "answers": "AutoModelForQuestionAnswering",
}
"""What a model answers, and the class of transformers that makes such a model."""
LABELS: Mapping[Head, list[str]] = {
    "classification": ["billing", "delivery", "login", "other"],
    "tags": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "pairs": ["contradiction", "neutral", "entailment"],
}
WINDOW = 128
"""The longest window of the models, in tokens."""

_BERT = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "max_position_embeddings": WINDOW + 2, "type_vocab_size": 2,
}  # fmt: skip
_ROBERTA = _BERT | {"type_vocab_size": 1}
_ROTARY = _BERT | {"max_position_embeddings": 512}
_DECODER = _ROTARY | {"num_key_value_heads": 2, "head_dim": 16}
_T5 = {
    "d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
    "decoder_start_token_id": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models: its `model_type` in transformers, and what its small configuration sets.

    `encoder`: the class that loads its encoder, where it is not `AutoModel`. `missing`: why transformers cannot make a
    model of it.
    """

    model_type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    encoder: str = "AutoModel"
    missing: str = ""


FAMILIES: Mapping[str, Family] = {
    "BERT": Family("bert", _BERT),
    "RoBERTa": Family("roberta", _ROBERTA),
    "XLM-R": Family("xlm-roberta", _ROBERTA),
    "CamemBERT": Family("camembert", _ROBERTA),
    "DistilBERT": Family(
        "distilbert",
        {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128, "max_position_embeddings": WINDOW},
    ),
    "ALBERT": Family("albert", _BERT | {"embedding_size": 32}),
    "MPNet": Family("mpnet", _BERT),
    "ELECTRA": Family("electra", _BERT | {"embedding_size": 32}),
    "DeBERTa": Family("deberta", _BERT | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}),
    "DeBERTa-v2": Family(
        "deberta-v2",
        _BERT
        | {
            "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
            "conv_kernel_size": 3, "conv_act": "gelu", "share_att_key": True, "position_buckets": 16,
            "norm_rel_ebd": "layer_norm", "type_vocab_size": 0,
        },
    ),
    "DeBERTa-v3": Family(
        "deberta-v2",
        _BERT
        | {
            "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
            "share_att_key": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm", "type_vocab_size": 0,
        },
    ),
    "ModernBERT": Family(
        "modernbert", _ROTARY | {"intermediate_size": 96, "local_attention": 16}
    ),
    "NomicBERT": Family("nomic_bert", _ROTARY | {"head_dim": 16}),
    "GTE": Family("gte", _ROTARY),
    "Jina v3": Family("jina_embeddings_v3", _ROTARY),
    "EuroBERT": Family("eurobert", _ROTARY | {"num_key_value_heads": 2, "head_dim": 16}),
    "NeoBERT": Family("neobert", missing="transformers has no such model: NeoBERT brings its own code"),
    "RemBERT": Family("rembert", _BERT | {"input_embedding_size": 32, "output_embedding_size": 96}),
    "ConvBERT": Family("convbert", _BERT | {"embedding_size": 32}),
    "MobileBERT": Family(
        "mobilebert", _BERT | {"intermediate_size": 64, "embedding_size": 32, "intra_bottleneck_size": 32}
    ),
    "SqueezeBERT": Family("squeezebert", _BERT | {"embedding_size": 64}),
    "Longformer": Family("longformer", _ROBERTA | {"attention_window": [16, 16]}),
    "BigBird": Family("big_bird", _BERT | {"block_size": 4, "num_random_blocks": 1}),
    "T5": Family("t5", _T5, encoder="T5EncoderModel"),
    "mT5": Family("mt5", _T5 | {"feed_forward_proj": "gated-gelu"}, encoder="MT5EncoderModel"),
    "UMT5": Family("umt5", _T5 | {"feed_forward_proj": "gated-gelu"}, encoder="UMT5EncoderModel"),
    "Gemma 3": Family("gemma3_text", _DECODER | {"sliding_window": 16, "query_pre_attn_scalar": 16}),
    "Qwen 3": Family("qwen3", _DECODER),
    "XLNet": Family("xlnet", {"d_model": 64, "n_layer": 2, "n_head": 4, "d_inner": 128}),
    "Funnel": Family(
        "funnel",
        {
            "block_sizes": [1, 1], "num_decoder_layers": 1, "d_model": 64, "n_head": 4, "d_head": 16, "d_inner": 128,
        },
    ),
    "FNet": Family("fnet", _BERT),
    "Nyströmformer": Family(
        "nystromformer", _BERT | {"num_landmarks": 16, "segment_means_seq_len": WINDOW, "conv_kernel_size": 9}
    ),
    "YOSO": Family("yoso", _ROBERTA),
    "MRA": Family("mra", _ROBERTA),
    "MEGA": Family("mega", missing="transformers 5 has no such model any more"),
    "ERNIE": Family("ernie", _BERT),
    "RoFormer": Family("roformer", _BERT | {"embedding_size": 64}),
    "Data2Vec text": Family("data2vec-text", _ROBERTA),
    "XLM": Family("xlm", {"emb_dim": 64, "n_layers": 2, "n_heads": 4, "max_position_embeddings": WINDOW}),
    "CANINE": Family("canine", _BERT | {"local_transformer_stride": 16}),
    "Llama": Family("llama", _DECODER),
}  # fmt: skip


def has_head(family: Family, head: Head) -> bool:
    """Whether transformers has a class of the family for the head."""
    import transformers
    from transformers import CONFIG_MAPPING

    if family.missing:
        return head == "classification"
    mapping = getattr(transformers, family.encoder if head == "vectors" else HEADS[head])
    return not hasattr(mapping, "_model_mapping") or CONFIG_MAPPING[family.model_type] in mapping._model_mapping


def save_model(family: Family, head: Head, folder: Path, texts: list[str]) -> None:
    """Save a model with random weights, and a tokenizer that knows the words of `texts`, into `folder`.

    Raises LookupError if transformers cannot make the model.
    """
    import torch
    import transformers
    from transformers import AutoConfig

    if family.missing:
        raise LookupError(family.missing)
    numbers = save_tokenizer(folder, texts)
    config = AutoConfig.for_model(family.model_type, **family.config, **numbers, **_labels(head))
    torch.manual_seed(7)
    if family.model_type == "funnel":  # two classes have this configuration
        config.architectures = ["FunnelModel"]
    if head == "vectors" and family.encoder != "AutoModel":
        model = getattr(transformers, family.encoder)(config)
    else:
        model = getattr(transformers, HEADS[head]).from_config(config)
    _spread_weights(model)
    model.eval().save_pretrained(folder)


def save_tokenizer(folder: Path, texts: list[str]) -> dict[str, int]:
    """Save a WordPiece tokenizer of the words in `texts`; return what a config says of it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>", "<unk>"]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    letters = [*string.ascii_lowercase, *string.digits]
    pieces = list(dict.fromkeys([*special, *words, *letters, *(f"##{letter}" for letter in letters)]))
    tokenizer = Tokenizer(models.WordPiece({piece: row for row, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B:1 </s>:1",
        special_tokens=[("<s>", 1), ("</s>", 2)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        eos_token="</s>",
        model_max_length=WINDOW,
    ).save_pretrained(folder)
    ids = {"pad": 0, "bos": 1, "cls": 1, "eos": 2, "sep": 2}
    return {"vocab_size": len(pieces)} | {f"{name}_token_id": number for name, number in ids.items()}


def _labels(head: Head) -> dict[str, Any]:
    names = LABELS.get(head)
    if names is None:
        return {}
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {n: i for i, n in enumerate(names)},
    }


def _spread_weights(model: Any) -> None:
    """Enlarge the weights of linear layers: as transformers makes them, all texts get nearly the same answer."""
    import torch

    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.mul_(3.0)
