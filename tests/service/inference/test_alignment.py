"""Where tokens lie in a text, over every normaliser that a tokenizer may apply to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_profiles import examples
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from glossator.service.bundle.task import Encoding
from glossator.service.inference.encoding import Encoder
from glossator.service.tasks.encoded import EncodedText
from glossator.service.tasks.token_classification import stitch_tokens

NORMALIZERS = {
    "none": None,
    "bert": normalizers.BertNormalizer(lowercase=True, strip_accents=True, handle_chinese_chars=True),
    "cased": normalizers.BertNormalizer(lowercase=False),
    "nfc": normalizers.NFC(),
    "nfd": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
    "nfkc": normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
}
ODD = st.sampled_from(
    ["e\u0301", "\ufb01", "İ", "ß", "\r\n", "\u200b", "\u200d", "👩\u200d👩\u200d👧", "🏴", "مرحبا", "שלום", "\u202e",
     "東京", "½", "Å", "\u00a0", "\x00", "\ufffd", "🇩🇪", "क्षि", "ﷺ"]
)  # fmt: skip
TEXTS = st.lists(ODD | st.text(st.characters(codec="utf-8"), max_size=6), max_size=12).map("".join)


@pytest.fixture(scope="module", params=sorted(NORMALIZERS))
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    if NORMALIZERS[request.param] is not None:
        tokenizer.normalizer = NORMALIZERS[request.param]
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return Encoder(path, Encoding(max_length=12, stride=3), aligned=True)


@settings(max_examples=examples(400))
@given(text=TEXTS)
def test_tokens_lie_in_the_text_one_after_another(encoder: Encoder, text: str) -> None:
    (encoded,) = encoder.encode([text])
    assert isinstance(encoded, EncodedText)
    tokens = stitch_tokens(encoded)
    assert len(tokens.offsets) == encoded.tokens
    end = 0
    for start, stop in tokens.offsets.tolist():
        assert 0 <= start <= stop <= len(text)
        assert stop >= end
        end = stop


@settings(max_examples=examples(150))
@given(
    text=TEXTS, prefix=st.lists(st.sampled_from(["Yes.", "It works.", "No 1."]), min_size=1, max_size=3).map(" ".join)
)
def test_a_prefix_of_sentences_moves_every_place_by_its_length(encoder: Encoder, text: str, prefix: str) -> None:
    (alone,), (behind,) = encoder.encode([text]), encoder.encode([f"{prefix} {text}"])
    assert isinstance(alone, EncodedText)
    assert isinstance(behind, EncodedText)
    moved = stitch_tokens(alone).offsets + len(prefix) + 1
    if text[:1].isspace() or not text[:1].isalnum():
        return  # what combines with the space before it is another token
    assert stitch_tokens(behind).offsets[-len(moved) :].tolist() == moved.tolist() or not len(moved)
