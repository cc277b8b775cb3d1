"""Tiny real models for all tests: random encoders of each family, a trained checkpoint and an exported bundle."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from databases import postgres, postgres_programs
from file_scheduling import FileScheduling, longest_first, processes
from property_profiles import load_test_profile
from shared_folders import shared_folder

os.environ["HF_HUB_OFFLINE"] = "1"  # no test needs the network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
os.environ["GLOSSATOR_CACHE_DIR"] = os.devnull  # nothing measured here is kept, nor what was kept before used
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see cli/support/console.py
load_test_profile()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return processes()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling | None:
    return FileScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        items[:] = [items[place] for place in longest_first([item.nodeid for item in items])]


SHARED_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"

TOPICS = {
    "delivery": [
        "where is my parcel",
        "the parcel is late",
        "courier did not come",
        "when will it arrive",
        "still waiting for the box",
    ],
    "refund": [
        "i want my money back",
        "refund not received",
        "please refund the order",
        "when do i get the money",
        "money is missing",
    ],
    "login": [
        "cannot log in",
        "password reset fails",
        "my account is locked",
        "the code never comes",
        "login page is broken",
    ],
}
FILLERS = [
    "please help",
    "thanks",
    "hello",
    "order 1234",
    "again",
    "since monday",
    "today",
    "regards",
    "it is urgent",
    "why",
]


def topic_rows(repeats: int = 1) -> list[tuple[str, str]]:
    """Texts and their topic, all different: each statement with each filler before or after it."""
    rows = []
    for label, statements in TOPICS.items():
        for statement in statements:
            for filler in FILLERS[: 10 * repeats]:
                rows += [(f"{statement} {filler}", label), (f"{filler} {statement}", label)]
    return rows


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora next to the project's folder. Skips the test if it does not exist."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of real corpora (../shared/data) is absent")
    return SHARED_DATA


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if postgres_programs() is None:
        if os.environ.get("GLOSSATOR_REQUIRE_POSTGRES"):
            pytest.fail("PostgreSQL is not installed, and GLOSSATOR_REQUIRE_POSTGRES is set")
        pytest.skip("PostgreSQL is not installed")
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database; None for SQLite."""
    if request.param == "sqlite":
        return None
    import psycopg

    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a random encoder of a family (`bert`, `roberta`, ...) as a folder, with a tokenizer of its own."""
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            made[family] = shared_folder(tmp_path_factory, f"base-{family}", partial(_make_base, family))
        return made[family]

    return make


def _make_base(family: str, folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    pad_second = family in {"roberta", "mpnet"}
    special = ["<s>", "<pad>", "</s>", "<unk>"] if pad_second else ["<pad>", "<s>", "</s>", "<unk>"]
    # Made by hand: a trained vocabulary breaks ties by chance, and the tests would not repeat.
    words = sorted({word for text, _ in topic_rows() for word in text.split()})
    letters = sorted({*"abcdefghijklmnopqrstuvwxyz0123456789"})
    pieces = [*special, *words, *(letter for letter in letters if letter not in words), *(f"##{c}" for c in letters)]
    tokenizer = Tokenizer(models.WordPiece(vocab={p: i for i, p in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    start, end = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", start), ("</s>", end)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=64,
    ).save_pretrained(folder)
    sizes: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64, "max_position_embeddings": 66, "pad_token_id": tokenizer.token_to_id("<pad>"),
        "bos_token_id": start, "cls_token_id": start, "eos_token_id": end, "sep_token_id": end,
    }  # fmt: skip
    if family == "distilbert":
        sizes |= {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    if family in ("electra", "squeezebert"):
        sizes |= {"embedding_size": 32}
    if family == "deberta-v2":
        sizes |= {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16}
    torch.manual_seed(7)
    AutoModel.from_config(AutoConfig.for_model(family, **sizes)).save_pretrained(folder)


@pytest.fixture(scope="session")
def topic_splits() -> Callable[[str], Any]:
    """Makes training, validation and test rows of the topics for a `problem_type`, through the corpus reader."""
    from glossator.modeling.labelled_rows import LabelledRows
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.corpus.corpus_reader import read_corpus
    from glossator.training.corpus.row import SourceRow
    from glossator.training.corpus.splitting.split import split

    def make(problem_type: str) -> Splits:
        rows = [
            SourceRow(line, {"text": text, "label": _tags(text, label) if "multi" in problem_type else label})
            for line, (text, label) in enumerate(topic_rows(), start=1)
        ]
        corpus = read_corpus(rows, source_name="topics", text_column="text", label_column="label")
        sides = split(corpus, validation_share=0.2, test_share=0.1, seed=1)
        train, validation, test = (corpus.subset(side) for side in (sides.train, sides.validation, sides.test))
        return Splits(train, validation, LabelledRows(test.texts, test.labels))

    return make


def _tags(text: str, topic: str) -> list[str]:
    """The topic, and `urgent` for some: two labels that occur together."""
    return [topic, "urgent"] if "urgent" in text or "monday" in text else [topic]


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tiny_base: Callable[[str], Path], topic_splits: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Trains a tiny BERT on the topics for a `problem_type`; the checkpoint's folder."""
    from glossator.training.config import TrainingConfig
    from glossator.training.fit import fit

    made: dict[str, Path] = {}

    def make(problem_type: str = "single_label_classification") -> Path:
        if problem_type not in made:
            config = TrainingConfig(
                base=str(tiny_base("bert")), epochs=15, patience=15, batch_size=8, max_length=32,
                learning_rate=3e-3, head_learning_rate_factor=1.0, precision="fp32", device="cpu",
            )  # fmt: skip

            def train(folder: Path) -> None:
                fit(topic_splits(problem_type), config, folder / problem_type)

            name = f"checkpoint-{problem_type}"
            made[problem_type] = shared_folder(tmp_path_factory, name, train) / problem_type
        return made[problem_type]

    return make


@pytest.fixture(scope="session")
def tiny_bundle(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Exports the tiny checkpoint of a `problem_type`; the bundle's folder. Copy it before you damage it."""
    from glossator.export.exporter import export

    made: dict[str, Path] = {}

    def make(problem_type: str = "single_label_classification") -> Path:
        if problem_type not in made:
            name = f"topics-{problem_type.split('_')[0]}"

            def write(folder: Path) -> None:
                # Which graph is faster is not always the same on a busy machine.
                export(tiny_checkpoint(problem_type), folder / name, precision="int8")

            made[problem_type] = shared_folder(tmp_path_factory, f"bundle-{problem_type}", write) / name
        return made[problem_type]

    return make


DAYS, ITEMS = ("monday", "today"), ("parcel", "box", "order", "code")


def task_rows(kind: str) -> list[dict[str, Any]]:
    """Rows of the topics as another task has them: days and items as entities, what the second of two texts is about
    (as a class or a score), or which word answers the question."""
    texts = topic_rows()
    rows: list[dict[str, Any]] = []
    for number, (text, label) in enumerate(texts):
        spans = [
            {"start": text.index(word), "end": text.index(word) + len(word), "label": name}
            for name, words in (("DAY", DAYS), ("ITEM", ITEMS))
            for word in words
            if f" {word} " in f" {text} "
        ]
        other, other_label = texts[(number * 37 + 11) % len(texts)]
        if kind == "token-classification":
            rows.append({"text": text, "spans": spans})
        elif kind == "question-answering" and len(spans) == 1:
            answer = {"start": spans[0]["start"], "text": text[spans[0]["start"] : spans[0]["end"]]}
            rows.append({"question": "where is it", "context": text, "answers": [answer]})
        elif kind == "question-answering" and not spans and number % 3 == 0:
            rows.append({"question": "where is it", "context": text, "answers": []})
        elif kind == "text-pair":
            rows.append({"first": text, "second": other, "label": other_label})
        elif kind == "text-pair-score":
            rows.append({"first": text, "second": other, "score": 4.5 if other_label == "refund" else 1.0})
        elif kind == "text-embedding":
            rows.append({"text": text, "label": label})
    return rows


@pytest.fixture(scope="session")
def task_splits() -> Callable[[str], Any]:
    """Makes training, validation and test rows of `task_rows` for a kind of task."""
    from glossator.training.algorithms.algorithm import Splits
    from glossator.training.corpus.corpus_reader import read_corpus
    from glossator.training.corpus.row import SourceRow
    from glossator.training.corpus.splitting.split import split
    from glossator.training.corpus.task_corpus_reader import read_task_corpus

    def make(kind: str) -> Splits:
        rows = [SourceRow(line, row) for line, row in enumerate(task_rows(kind), start=1)]
        task: Any = kind.removesuffix("-score")
        if kind == "text-embedding":
            corpus = replace(read_corpus(rows, source_name="topics"), task=task)
        else:
            corpus = read_task_corpus(rows, task, source_name="topics")
        sides = split(corpus, validation_share=0.2, test_share=0.15, seed=1)
        train, validation, test = (corpus.subset(side) for side in (sides.train, sides.validation, sides.test))
        return Splits(train, validation, test.rows())

    return make


@pytest.fixture(scope="session")
def task_checkpoint(
    tiny_base: Callable[[str], Path], task_splits: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Trains a tiny BERT on `task_rows`; the checkpoint's folder."""
    from glossator.training.config import TrainingConfig
    from glossator.training.fit import fit

    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            config = TrainingConfig(
                base=str(tiny_base("bert")), epochs=15, patience=15, batch_size=8, max_length=32,
                learning_rate=3e-3, head_learning_rate_factor=1.0, precision="fp32", device="cpu", label_smoothing=0.0,
            )  # fmt: skip

            def train(folder: Path) -> None:
                fit(task_splits(kind), config, folder / kind)

            made[kind] = shared_folder(tmp_path_factory, f"checkpoint-{kind}", train) / kind
        return made[kind]

    return make


@pytest.fixture(scope="session")
def task_bundle(
    task_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Exports the tiny checkpoint of a kind of task; the bundle's folder. Copy it before you damage it."""
    from glossator.export.exporter import export

    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:

            def write(folder: Path) -> None:
                export(task_checkpoint(kind), folder / kind)

            made[kind] = shared_folder(tmp_path_factory, f"bundle-{kind}", write) / kind
        return made[kind]

    return make


@pytest.fixture(scope="session")
def head_bundle(
    task_bundle: Callable[[str], Path], topic_splits: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The folder of a head's bundle for a `problem_type`. Its backbone, `text-embedding`, lies next to it."""
    from shutil import copytree

    from glossator.export.head_exporter import export_head
    from glossator.service.inference.model import load
    from glossator.training.config import TrainingConfig
    from glossator.training.head_fit import fit_head

    def write(folder: Path) -> None:
        backbone = copytree(task_bundle("text-embedding"), folder / "text-embedding")
        for problem_type in ("single_label_classification", "multi_label_classification"):
            checkpoint = folder / f"{problem_type}-checkpoint"
            fit_head(topic_splits(problem_type), TrainingConfig(), checkpoint, load(backbone, share=True))
            export_head(checkpoint, folder / f"topics-{problem_type.split('_')[0]}", backbone)

    def make(problem_type: str = "single_label_classification") -> Path:
        return shared_folder(tmp_path_factory, "heads", write) / f"topics-{problem_type.split('_')[0]}"

    return make


@pytest.fixture(scope="session")
def entity_heads(
    task_checkpoint: Callable[[str], Path],
    task_splits: Callable[[str], Any],
    topic_splits: Callable[[str], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with `encoder`, which also gives the vectors of tokens, and two heads on it: `spans` and `topics`."""
    from glossator.export.exporter import export
    from glossator.export.head_exporter import export_head
    from glossator.service.inference.model import load
    from glossator.training.config import TrainingConfig
    from glossator.training.head_fit import fit_head

    def write(folder: Path) -> None:
        backbone = folder / "encoder"
        export(task_checkpoint("text-embedding"), backbone, precision="fp32", token_vectors=True)
        splits = {"spans": task_splits("token-classification"), "topics": topic_splits("single_label_classification")}
        for name, rows in splits.items():
            checkpoint = folder / f"{name}-checkpoint"
            fit_head(rows, TrainingConfig(), checkpoint, load(backbone, share=True))
            export_head(checkpoint, folder / name, backbone)

    return shared_folder(tmp_path_factory, "entity-heads", write)
