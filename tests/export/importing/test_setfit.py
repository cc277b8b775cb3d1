"""Models of SetFit answer as their body with their head does; heads that are pickles are refused unread."""

from __future__ import annotations

import importlib.util
import json
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from foreign_models import TEXTS, edit_json, import_folder, save_model
from numpy.typing import NDArray

import glossator
from glossator.export.importing.recognition import recognise
from glossator.service.errors import ConfigError

LABELS = ["billing", "delivery", "login"]


def convert(head: Any, folder: Path) -> None:
    """Write the head as the script for users does."""
    script = Path(__file__).parents[3] / "examples" / "convert_setfit_head.py"
    spec = importlib.util.spec_from_file_location("convert_setfit_head", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.convert(head, folder / "model_head.safetensors")


class Body:
    """A body of sentence-transformers, saved once, and copies of its folder."""

    def __init__(self, base: Path, folder: Path, pooling: str) -> None:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

        transformer = Transformer(str(base), max_seq_length=64)
        self.model = SentenceTransformer(
            modules=[transformer, Pooling(transformer.get_embedding_dimension(), pooling)], device="cpu"
        )
        self.folder = folder
        self.model.save_pretrained(str(folder), create_model_card=False)

    def vectors(self, *, normalized: bool) -> NDArray[np.float32]:
        return np.asarray(self.model.encode(TEXTS, normalize_embeddings=normalized))


@pytest.fixture(scope="module")
def body(tiny_base: Any, tmp_path_factory: pytest.TempPathFactory) -> Body:
    folder = tmp_path_factory.mktemp("setfit")
    return Body(save_model(tiny_base("bert"), folder / "base", "MaskedLM"), folder / "body", "mean")


@pytest.fixture
def folder(body: Body, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(body.folder, tmp_path / "model"))


def settings(folder: Path, *, normalized: bool, labels: list[str] | None) -> None:
    (folder / "config_setfit.json").write_text(json.dumps({"normalize_embeddings": normalized, "labels": labels}))


def regression(vectors: NDArray[np.float32], classes: list[Any]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=300.0).fit(vectors, classes)


def scores(folder: Path) -> list[dict[str, float]]:
    model = glossator.load(import_folder(folder, folder.parent / "bundle").exported.output)
    return [{each.label: each.score for each in answer.prediction.scores} for answer in model(TEXTS, truncate=True)]


@pytest.mark.parametrize(
    ("classes", "labels", "names", "normalized"),
    [
        pytest.param([0, 1, 2, 1], LABELS, LABELS, False, id="numbers with names"),
        pytest.param(["b", "a", "c", "a"], None, ["a", "b", "c"], True, id="names, normalized"),
        pytest.param([1, 0, 1, 0], ["no", "yes"], ["no", "yes"], True, id="two classes, one output"),
    ],
)
def test_logistic_regression_gives_its_probabilities(
    body: Body, folder: Path, classes: list[Any], labels: list[str] | None, names: list[str], normalized: bool
) -> None:
    vectors = body.vectors(normalized=normalized)
    head = regression(vectors, classes)
    settings(folder, normalized=normalized, labels=labels)
    convert(head, folder)
    expected = head.predict_proba(vectors)
    assert expected.max() > 0.6
    for found, theirs in zip(scores(folder), expected, strict=True):
        assert found == pytest.approx(dict(zip(names, theirs, strict=True)), abs=1e-4)


@pytest.mark.parametrize("kind", ["OneVsRestClassifier", "MultiOutputClassifier"])
def test_a_head_for_several_labels_gives_independent_probabilities(body: Body, folder: Path, kind: str) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputClassifier

    vectors = body.vectors(normalized=False)
    made = {"OneVsRestClassifier": OneVsRestClassifier, "MultiOutputClassifier": MultiOutputClassifier}[kind]
    head = made(LogisticRegression(C=300.0)).fit(vectors, np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]]))
    settings(folder, normalized=False, labels=LABELS)
    convert(head, folder)
    expected = np.stack([part.predict_proba(vectors)[:, 1] for part in head.estimators_], axis=1)
    for found, theirs in zip(scores(folder), expected, strict=True):
        assert found == pytest.approx(dict(zip(LABELS, theirs, strict=True)), abs=1e-4)
    assert recognise(folder).problem_type == "multi_label_classification"


class SetFitHead(SimpleNamespace):
    """The fields of SetFit's own head that count: a linear layer, and a temperature for its logits."""


def test_the_head_of_setfit_divides_by_its_temperature(body: Body, folder: Path) -> None:
    import torch

    torch.manual_seed(3)
    linear = torch.nn.Linear(32, 3)
    vectors = body.vectors(normalized=True)
    settings(folder, normalized=True, labels=LABELS)
    convert(SetFitHead(linear=linear, temperature=0.5, eps=1e-5, multitarget=False), folder)
    expected = torch.softmax(linear(torch.from_numpy(vectors)) / (0.5 + 1e-5), dim=-1).tolist()
    for found, theirs in zip(scores(folder), expected, strict=True):
        assert found == pytest.approx(dict(zip(LABELS, theirs, strict=True)), abs=1e-4)


class Payload:
    """What a hostile pickle does when it is loaded: it creates a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_a_pickled_head_is_refused_unread_with_the_way_to_convert_it(folder: Path, tmp_path: Path) -> None:
    settings(folder, normalized=False, labels=LABELS)
    (folder / "model_head.pkl").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(ConfigError, match="is a pickle, which could run any code") as error:
        import_folder(folder, tmp_path / "bundle")
    assert "examples/convert_setfit_head.py" in str(error.value.hint)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "bundle").exists()


def test_a_head_that_was_not_downloaded_is_reported(folder: Path) -> None:
    settings(folder, normalized=False, labels=LABELS)
    with pytest.raises(ConfigError, match="saves it as a pickle, which is not downloaded"):
        recognise(folder)


def test_heads_that_do_not_fit_are_refused(body: Body, folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    settings(folder, normalized=False, labels=LABELS)
    metadata = {"kind": "LogisticRegression", "classes": "[0, 1, 2]", "several": "false"}
    head = {"coef": np.ones((3, 32), np.float32), "intercept": np.zeros(3, np.float32)}
    for change, fields, message in (
        ({"coef": np.ones((3, 31), np.float32)}, {}, "vectors of another length"),
        ({"intercept": np.zeros(2, np.float32)}, {}, "is no converted head"),
        ({"coef": np.full((3, 32), np.nan, np.float32)}, {}, "is no converted head"),
        ({}, {"kind": "SVC"}, "head of this SetFit model cannot be imported"),
        ({}, {"classes": "[0, 1]"}, "another number of classes"),
        ({}, {"classes": '["a", "a", "b"]'}, "same name"),
        ({}, {"several": "yes"}, "no usable metadata"),
    ):
        save_file(head | change, folder / "model_head.safetensors", metadata=metadata | fields)
        with pytest.raises(ConfigError, match=message):
            import_folder(folder, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_the_script_refuses_what_is_not_linear(body: Body, folder: Path) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    head = KNeighborsClassifier(n_neighbors=1).fit(body.vectors(normalized=False), [0, 1, 2, 1])
    with pytest.raises(SystemExit, match="only logistic regression can be converted"):
        convert(head, folder)
    assert not (folder / "model_head.safetensors").exists()


def test_a_body_with_further_layers_is_refused(folder: Path) -> None:
    settings(folder, normalized=False, labels=LABELS)
    (folder / "model_head.safetensors").write_bytes(b"")
    edit_json(folder / "config_sentence_transformers.json", truncate_dim=16)
    with pytest.raises(ConfigError, match="the body of this SetFit model cannot be imported"):
        recognise(folder)
