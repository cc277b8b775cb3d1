"""Tags to entities: against transformers' own pipeline, against every sequence of tags tried one by one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from property_profiles import examples
from task_factory import make_task

from glossator.service.bundle.task import TokenClassification
from glossator.service.errors import ConfigError
from glossator.service.inference.encoding import Encoder
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.options import Aggregation, DecodeOptions
from glossator.service.tasks.token_classification import (
    Decoder,
    Entity,
    allowed_transitions,
    best_tags,
    probabilities,
    stitch_logits,
    stitch_tokens,
)

TYPES = ["DAY", "ITEM"]
WORDS = ["parcel", "monday", "zzz", "where", "qx7", "ünder", "😀", "login", "it's"]
AGGREGATIONS: list[Aggregation] = ["none", "simple", "first", "average", "max"]


@pytest.fixture(scope="module")
def encoder(tiny_base: Callable[[str], Path]) -> Encoder:
    return Encoder(tiny_base("bert") / "tokenizer.json", task().encoding, aligned=True)


def task(**further: Any) -> TokenClassification:
    made = make_task("token-classification", TYPES, **({"max_length": 32, "stride": 8} | further))
    assert isinstance(made, TokenClassification)
    return made


def encode(encoder: Encoder, text: str) -> EncodedText:
    (encoded,) = encoder.encode([text])
    assert isinstance(encoded, EncodedText)
    return encoded


def entities(text: EncodedText, logits: NDArray[np.float64], **options: Any) -> tuple[Entity, ...]:
    return Decoder(task()).decode([text], [logits], DecodeOptions(**options))[0].entities


@settings(max_examples=examples(60))
@given(data=st.data(), words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_entities_are_those_of_the_transformers_pipeline(
    encoder: Encoder, hugging_face: Any, words: list[str], data: st.DataObject
) -> None:
    """On tags that IOB2 allows: what transformers makes of others is not what the tags say."""
    text = " ".join(words)
    encoded = encode(encoder, text)
    labels = task().labels
    tokens = stitch_tokens(encoded)
    tags: list[int] = []
    for place in range(len(tokens.words)):
        begins = place == 0 or tokens.words[place] != tokens.words[place - 1]
        if begins:
            before = tags[-1] if tags else labels.index("O")
            tags.append(data.draw(st.sampled_from(np.flatnonzero(allowed_transitions(labels)[before]).tolist())))
        else:
            tags.append(labels.index(labels[tags[-1]].replace("B-", "I-")))
    first = [tags[int(np.flatnonzero(tokens.words == word)[0])] for word in tokens.words]
    noise = np.random.default_rng(data.draw(st.integers(0, 99))).normal(0, 0.3, (len(tags), len(labels)))
    inputs = hugging_face.tokenizer(
        text, return_tensors="pt", return_offsets_mapping=True, return_special_tokens_mask=True
    )
    for aggregation in AGGREGATIONS:
        # Where the tokens of a word have a say, they say the same: transformers may answer `I-` with no `B-` before.
        agreed = first if aggregation in ("average", "max") else tags
        logits = noise + 4.0 * np.eye(len(labels))[agreed]
        everywhere = torch.zeros((1, inputs["input_ids"].shape[1], len(labels)), dtype=torch.float64)
        everywhere[0, 1:-1] = torch.from_numpy(logits)
        theirs = hugging_face.postprocess(
            [
                {
                    "logits": everywhere,
                    "sentence": text,
                    "input_ids": inputs["input_ids"],
                    "offset_mapping": inputs["offset_mapping"],
                    "special_tokens_mask": inputs["special_tokens_mask"],
                    "word_ids": [inputs.word_ids(0)],
                    "is_last": True,
                }
            ],
            hugging_face_strategy(aggregation),
        )
        ours = entities(encoded, logits, aggregation=aggregation)
        name = "entity" if aggregation == "none" else "entity_group"
        assert [(each.start, each.end, each.label) for each in ours] == [
            (each["start"], each["end"], each[name]) for each in theirs
        ], aggregation
        np.testing.assert_allclose([each.score for each in ours], [each["score"] for each in theirs], atol=1e-6)
        assert all(text[each.start : each.end] == each.text for each in ours)


def hugging_face_strategy(aggregation: Aggregation) -> Any:
    from transformers.pipelines.token_classification import AggregationStrategy

    return AggregationStrategy(aggregation)


@pytest.fixture(scope="module")
def hugging_face(tiny_base: Callable[[str], Path]) -> Any:
    from transformers import AutoModelForTokenClassification, AutoTokenizer, TokenClassificationPipeline

    folder = tiny_base("bert")
    labels = task().labels
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=len(labels))
    model.config.id2label = dict(enumerate(labels))
    return TokenClassificationPipeline(model=model, tokenizer=AutoTokenizer.from_pretrained(folder))


@given(seed=st.integers(0, 10**6), words=st.integers(1, 5))
def test_the_best_sequence_is_the_best_of_all_that_are_allowed(seed: int, words: int) -> None:
    labels = task().labels
    follows = allowed_transitions(labels)
    probability = probabilities(np.random.default_rng(seed).normal(0, 2, (words, len(labels))))
    found = best_tags(probability, follows)
    every = [tags for tags in product(range(len(labels)), repeat=words) if follows[[-1, *tags[:-1]], list(tags)].all()]
    best = max(every, key=lambda tags: np.log(probability[np.arange(words), list(tags)]).sum())
    assert found.tolist() == list(best)


@settings(max_examples=examples(60))
@given(seed=st.integers(0, 10**6), words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=40))
def test_entities_never_overlap_and_lie_in_the_text(encoder: Encoder, seed: int, words: list[str]) -> None:
    text = encode(encoder, " ".join(words))
    generator = np.random.default_rng(seed)
    outputs = [generator.normal(0, 2, (len(window), len(task().labels))) for window in text.windows]
    found = entities(text, Decoder(task()).pool(text, outputs))
    end = 0
    for entity in found:
        assert end <= entity.start < entity.end <= len(text.text)
        assert text.text[entity.start : entity.end] == entity.text
        end = entity.end


@settings(max_examples=examples(60))
@given(count=st.integers(1, 150))
def test_each_token_is_stitched_once_from_the_window_with_most_context(encoder: Encoder, count: int) -> None:
    text = encode(encoder, " ".join(["parcel"] * count))
    # Each token's logits tell its window and its distance from the nearer edge inside it.
    outputs = []
    for number, window in enumerate(text.windows):
        size = len(window) - 2
        edge = np.minimum(np.arange(size), np.arange(size)[::-1])
        inner = np.stack([np.full(size, number), edge], axis=1).astype(np.float64)
        outputs.append(np.vstack([[[-1, -1]], inner, [[-1, -1]]]))
    stitched, tokens = stitch_logits(text, outputs), stitch_tokens(text)
    assert len(stitched) == len(tokens.words) == text.tokens == count
    assert tokens.offsets[:, 0].tolist() == [7 * place for place in range(count)]
    assert (np.diff(stitched[:, 0]) >= 0).all()
    if len(text.windows) > 1:
        shared = stitched[1:][np.diff(stitched[:, 0]) > 0][:, 1]
        assert (shared >= task().encoding.stride // 2 - 1).all()


def test_the_bias_yields_more_entities(encoder: Encoder) -> None:
    text = encode(encoder, "parcel")
    logits = np.array([[1.0, 0.5, 0.0, 0.0, 0.0]])
    assert entities(text, logits) == ()
    bold = (
        Decoder(task().model_copy(update={"outside_bias": 1.0})).decode([text], [logits], DecodeOptions())[0].entities
    )
    assert [(each.label, each.text) for each in bold] == [("DAY", "parcel")]


@pytest.mark.parametrize("unit", ["codepoint", "utf16", "utf8"])
def test_offsets_use_the_requested_unit(encoder: Encoder, unit: str) -> None:
    text = "😀 ünder parcel"
    encoded = encode(encoder, text)
    logits = np.zeros((encoded.tokens, 5))
    logits[-1, 1] = 9.0
    (entity,) = entities(encoded, logits, offset_unit=unit)
    encoding = {"codepoint": "utf-32-le", "utf16": "utf-16-le", "utf8": "utf-8"}[unit]
    width = {"codepoint": 4, "utf16": 2, "utf8": 1}[unit]
    raw = text.encode(encoding)[entity.start * width : entity.end * width]
    assert raw.decode(encoding) == entity.text == "parcel"


def test_a_threshold_keeps_only_confident_entities(encoder: Encoder) -> None:
    text = encode(encoder, "parcel")
    logits = np.array([[0.0, 1.0, 0.0, 0.0, 0.0]])
    assert len(entities(text, logits, threshold=0.3)) == 1
    assert entities(text, logits, threshold=0.9) == ()


def test_options_of_other_tasks_are_rejected(encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match="top_k does not apply to token-classification"):
        Decoder(task()).check(DecodeOptions(top_k=3))


def foreign_entities(encoder: Encoder, labels: list[str], tagging: str, tags: list[str]) -> list[tuple[str, str]]:
    """Return text and label of the entities of as many words as there are tags, each tag being nearly certain."""
    made = TokenClassification(labels=labels, tagging=tagging, encoding=task().encoding, provenance=task().provenance)  # type: ignore[arg-type]
    text = encode(encoder, " ".join(["parcel", "monday", "login", "where"][: len(tags)]))
    logits = np.array([[8.0 * (label == tag) for label in labels] for tag in tags])
    found = Decoder(made).decode([text], [logits], DecodeOptions())[0].entities
    assert all(0.9 < entity.score <= 1.0 for entity in found)
    return [(entity.text, entity.label) for entity in found]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["I-DAY", "I-DAY", "O"], [("parcel monday", "DAY")]),
        (["I-DAY", "B-DAY", "I-DAY"], [("parcel", "DAY"), ("monday login", "DAY")]),
        (["I-DAY", "I-ITEM", "I-ITEM"], [("parcel", "DAY"), ("monday login", "ITEM")]),
        (["O", "I-DAY", "O", "I-DAY"], [("monday", "DAY"), ("where", "DAY")]),
    ],
)
def test_in_iob1_an_entity_may_begin_inside(encoder: Encoder, tags: list[str], expected: list[tuple[str, str]]) -> None:
    assert foreign_entities(encoder, ["O", "I-DAY", "B-DAY", "I-ITEM"], "IOB1", tags) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-DAY", "I-DAY", "L-DAY"], [("parcel monday login", "DAY")]),
        (["U-DAY", "U-DAY", "O"], [("parcel", "DAY"), ("monday", "DAY")]),
        (["U-ITEM", "B-DAY", "L-DAY"], [("parcel", "ITEM"), ("monday login", "DAY")]),
    ],
)
def test_in_bilou_last_and_single_words_count_as_inside_and_begin(
    encoder: Encoder, tags: list[str], expected: list[tuple[str, str]]
) -> None:
    labels = ["O", "B-DAY", "I-DAY", "L-DAY", "U-DAY", "B-ITEM", "I-ITEM", "L-ITEM", "U-ITEM"]
    assert foreign_entities(encoder, labels, "BILOU", tags) == expected


def test_the_tagging_of_our_own_models_is_not_written(encoder: Encoder) -> None:
    assert "tagging" not in task().model_dump()
    with pytest.raises(ValueError, match="IOB2 tags"):
        TokenClassification(labels=["O", "I-DAY"], encoding=task().encoding, provenance=task().provenance)
