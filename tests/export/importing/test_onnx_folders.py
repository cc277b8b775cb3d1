"""ONNX exports of other tools become bundles that answer as ONNX Runtime on the original file, and as transformers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_graphs import WIDTH, constants_of, export_graph, random_model, toy_graph

import glossator
from glossator.export.graphs.silence_output import silence_output
from glossator.export.importing.model_source import find_model
from glossator.export.importing.onnx_folder import OnnxChoice, download_patterns
from glossator.service.errors import ConfigError
from glossator.workflows.models.model_import import ImportedModel, import_model
from glossator.workflows.models.proving_rows import Proof
from glossator.workflows.reporter import Reporter
from glossator.workflows.run_records import RunStore

TEXTS = [
    "my parcel is late and the invoice is wrong",
    "where is my money",
    "I can not log in, the password is refused!",
    "Paris and London, then Berlin",
    "the card was charged twice " * 20,  # longer than a window
]
LABELS = ["billing", "delivery", "login"]


@pytest.fixture(scope="module")
def classifier(tiny_base: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier in the layout of optimum and transformers.js; `weights` is the same model in transformers."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("onnx") / "classifier"
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {name: row for row, name in enumerate(LABELS)}}
    model = random_model(tiny_base("bert"), "AutoModelForSequenceClassification", **names)
    model.save_pretrained(folder / "weights")
    shutil.copy(folder / "weights" / "config.json", folder)
    for target in (folder, folder / "weights"):
        AutoTokenizer.from_pretrained(tiny_base("bert")).save_pretrained(target)
    export_graph(model, folder / "onnx" / "model.onnx", ["logits"])
    return folder


@pytest.fixture
def run_import(tmp_path: Path) -> Callable[..., ImportedModel]:
    def run(folder: Path, *, texts: Sequence[str] = TEXTS, **options: Any) -> ImportedModel:
        file = tmp_path / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        options = {"proof": Proof(texts=str(file)), "precision": "fp32"} | options
        store = RunStore(tmp_path / "runs", ["import"])
        return import_model(str(folder), tmp_path / "bundle", store, Reporter(), **options)

    return run


@pytest.fixture
def toy(tiny_base: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder with a toy graph, and returns it; `edit` changes the constants of the graph."""

    def write(kind: str = "logits", edit: Callable[[dict[str, Any]], None] | None = None) -> Path:
        folder = tmp_path / "toy"
        shutil.copytree(tiny_base("bert"), folder, ignore=shutil.ignore_patterns("*.safetensors"))
        fields = json.loads((folder / "config.json").read_bytes())
        names = {"id2label": dict(enumerate(LABELS)), "label2id": {name: row for row, name in enumerate(LABELS)}}
        architecture = "BertModel" if kind in ("vectors", "tokens") else "BertForSequenceClassification"
        (folder / "config.json").write_text(json.dumps(fields | names | {"architectures": [architecture]}))
        model = toy_graph(kind, vocabulary=fields["vocab_size"])
        if edit is not None:
            constants = {name: values.copy() for name, values in constants_of(model).items()}
            edit(constants)
            for tensor in model.graph.initializer:
                tensor.CopyFrom(numpy_helper.from_array(constants[tensor.name], tensor.name))
        (folder / "onnx").mkdir()
        onnx.save(model, folder / "onnx" / "model.onnx")
        return folder

    return write


def original_outputs(folder: Path, texts: Sequence[str]) -> list[np.ndarray[Any, Any]]:
    """Run the original file in ONNX Runtime, one text at a time, cut as the tokenizer cuts."""
    import onnxruntime as ort
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    session = ort.InferenceSession(folder / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    encoded = [tokenizer(text, truncation=True, max_length=64, return_tensors="np") for text in texts]
    names = [each.name for each in session.get_inputs()]
    return [
        session.run(None, {name: each.get(name, np.zeros_like(each["input_ids"])) for name in names})[0][0]
        for each in encoded
    ]


def softmax(logits: np.ndarray[Any, Any]) -> Any:
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


def scores_of(answer: Any) -> dict[str, float]:
    return {each.label: each.score for each in answer.prediction.scores}


def test_a_classifier_answers_as_its_original_file_and_as_transformers(
    classifier: Path, tmp_path: Path, run_import: Any
) -> None:
    from transformers import pipeline

    folder = shutil.copytree(classifier, tmp_path / "model", ignore=shutil.ignore_patterns("weights"))
    found = run_import(folder, precision="int8")
    manifest = found.exported.manifest
    model = glossator.load(found.exported.output)
    assert manifest.served.scheme == "static"  # of a graph that Glossator wrote with the weights in the file
    assert manifest.verification.parity[0].max_logit_difference <= 1e-4
    assert manifest.verification.reference == "ONNX Runtime"
    assert manifest.task.provenance.config == {"architecture": "ONNX graph"}
    card = (found.exported.output / "README.md").read_text()
    assert "the graph was compared with ONNX Runtime on" in card
    assert "PyTorch" not in card
    assert "onnx/model.onnx: outputs of the graph: logits" in found.evidence

    again = run_import(folder, overwrite=True)
    model = glossator.load(again.exported.output)
    theirs = pipeline("text-classification", model=str(classifier / "weights"), top_k=None, truncation=True)(TEXTS)
    for answer, original, other in zip(
        model(TEXTS, truncate=True), original_outputs(folder, TEXTS), theirs, strict=True
    ):
        assert scores_of(answer) == pytest.approx(dict(zip(LABELS, softmax(original), strict=True)), abs=1e-4)
        assert scores_of(answer) == pytest.approx({each["label"]: each["score"] for each in other}, abs=1e-4)


def test_weights_of_pytorch_win_unless_a_graph_is_named(classifier: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(classifier, tmp_path / "model", ignore=shutil.ignore_patterns("weights"))
    only_graph = find_model(str(folder))
    assert only_graph.onnx is not None
    assert only_graph.onnx.graph == folder / "onnx" / "model.onnx"
    shutil.copy(classifier / "weights" / "model.safetensors", folder)
    assert find_model(str(folder)).onnx is None
    named = find_model(str(folder), onnx=OnnxChoice("onnx/model.onnx"))
    assert named.onnx == only_graph.onnx
    assert named.revision == only_graph.revision != find_model(str(folder)).revision


def test_an_unknown_family_is_imported_by_its_graph_alone(toy: Any, run_import: Any) -> None:
    """The code of such a family is in the folder, or in a later version of transformers."""
    folder = toy()
    fields = json.loads((folder / "config.json").read_bytes())
    fields |= {"model_type": "family-of-tomorrow", "auto_map": {"AutoConfig": "code.Config"}}
    (folder / "config.json").write_text(json.dumps(fields))
    (folder / "code.py").write_text("raise SystemExit('code of the folder ran')")
    found = run_import(folder)
    answers = glossator.load(found.exported.output)(TEXTS[:3])
    for answer, original in zip(answers, original_outputs(folder, TEXTS[:3]), strict=True):
        assert scores_of(answer) == pytest.approx(dict(zip(LABELS, softmax(original), strict=True)), abs=1e-4)
    assert json.loads((found.exported.output / "config.json").read_bytes())["model_type"] == "family-of-tomorrow"


def test_a_vector_that_the_graph_pools_is_taken_as_it_is(toy: Any, run_import: Any) -> None:
    folder = toy("vectors")
    found = run_import(folder)
    answers = glossator.load(found.exported.output)(TEXTS, truncate=True)
    np.testing.assert_allclose([each.vector for each in answers], original_outputs(folder, TEXTS), atol=1e-4)
    task = found.exported.manifest.task
    assert (task.dimension, task.normalized) == (WIDTH, True)
    assert "its vectors have length 1" in found.evidence
    assert not any("no known head" in line for line in found.evidence)


def write_modules(folder: Path, *kinds: str) -> None:
    """Write the files of sentence-transformers: the encoder, the pooling of the first token, and further modules."""
    modules = [
        {"idx": place, "path": f"{place}_{kind}" if place else "", "type": f"sentence_transformers.models.{kind}"}
        for place, kind in enumerate(["Transformer", "Pooling", *kinds])
    ]
    settings = {
        "Pooling": {"word_embedding_dimension": WIDTH, "pooling_mode": "cls"},
        "Dense": {"in_features": WIDTH, "out_features": 2},
    }
    (folder / "modules.json").write_text(json.dumps(modules))
    for module in modules[1:]:
        kind = module["path"][2:]
        (folder / module["path"]).mkdir()
        (folder / module["path"] / "config.json").write_text(json.dumps(settings.get(kind, {})))


def test_vectors_of_tokens_are_pooled_as_modules_json_says(toy: Any, run_import: Any) -> None:
    folder = toy("tokens")
    write_modules(folder, "Normalize")
    found = run_import(folder, precision="int8")
    answers = glossator.load(found.exported.output)(TEXTS, truncate=True)
    expected = [tokens[0] / np.linalg.norm(tokens[0]) for tokens in original_outputs(folder, TEXTS)]
    np.testing.assert_allclose([each.vector for each in answers], expected, atol=0.01)
    assert found.exported.manifest.verification.parity[0].max_logit_difference <= 1e-4
    assert found.exported.manifest.served.scheme == "row"  # the graph of the source: it has no known weights


def test_modules_after_the_graph_are_not_forgotten(toy: Any, run_import: Any) -> None:
    folder = toy("tokens")
    write_modules(folder, "Dense")
    with pytest.raises(ConfigError, match="the ONNX graph lacks what sentence-transformers computes after it"):
        run_import(folder)


def test_a_head_with_another_number_of_labels_is_refused(toy: Any, run_import: Any, tmp_path: Path) -> None:
    folder = toy()
    fields = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(fields | {"id2label": {"0": "no", "1": "yes"}}))
    with pytest.raises(ConfigError, match="another number of outputs than labels") as error:
        run_import(folder)
    assert "3 outputs" in str(error.value)
    assert not (tmp_path / "bundle").exists()


def test_a_graph_that_ignores_the_mask_is_refused(toy: Any, run_import: Any) -> None:
    folder = toy()
    file = folder / "onnx" / "model.onnx"
    model = onnx.load(file)
    (masked,) = (node for node in model.graph.node if "masked" in node.output)
    masked.CopyFrom(onnx.helper.make_node("Identity", ["tokens"], ["masked"]))
    onnx.save(model, file)
    with pytest.raises(ConfigError, match="depend on the padding of its batch"):
        run_import(folder)


def write_int8(folder: Path) -> None:
    """Quantise the graph of a folder as most exporters do: one activation scale for a whole batch."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    source, target = folder / "onnx" / "model.onnx", folder / "onnx" / "model_quantized.onnx"
    with silence_output():
        quantize_dynamic(source, target, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)


def test_their_int8_file_is_refused_if_decisions_depend_on_the_batch(
    tiny_base: Any, toy: Any, run_import: Any, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    loud = AutoTokenizer.from_pretrained(tiny_base("bert")).convert_tokens_to_ids("z")

    def make_one_letter_loud(constants: dict[str, Any]) -> None:
        """With one scale for a batch, the large values of one text leave nothing of the others."""
        constants["table"][loud] *= 1_000

    texts = [*(" ".join(letters) for letters in combinations("abcdefgh", 3)), "z z z"]
    folder = toy(edit=make_one_letter_loud)
    write_int8(folder)
    choice: dict[str, Any] = {"onnx_int8": "onnx/model_quantized.onnx", "texts": texts}
    with pytest.raises(
        ConfigError, match="the answers of this int8 file depend on the other texts of a batch"
    ) as error:
        run_import(folder, precision=None, **choice)
    assert " of 57 decisions change, logits by up to " in str(error.value)
    assert not (tmp_path / "bundle").exists()

    forced = run_import(folder, precision="int8", **choice).exported
    verification = forced.manifest.verification
    assert forced.manifest.served.scheme == "source"
    assert verification.batch_difference > 0.0
    flips = verification.batch_flips("source")
    assert flips
    card = (forced.output / "README.md").read_text()
    assert f"batching changed the decision of {flips} of them" in card
    assert f"Batching changes a logit by at most {verification.batch_difference:.3g}" in card


def test_their_int8_file_is_served_with_its_batch_difference(toy: Any, run_import: Any, capsys: Any) -> None:
    folder = toy()
    write_int8(folder)
    found = run_import(folder, precision="int8", onnx_int8="onnx/model_quantized.onnx").exported
    verification = found.manifest.verification
    assert [parity.scheme for parity in verification.parity] == ["fp32", "source"]
    assert (verification.batch_flips("source"), verification.batch_flips("fp32")) == (0, None)
    assert 0.0 < verification.batch_difference < 0.1
    assert "batching changed no decision" in (found.output / "README.md").read_text()

    from glossator.cli.commands.bundles.verify import verify

    assert verify(found.output) == 0
    assert "the int8 graph is that of the model's source" in capsys.readouterr().out


def test_a_file_without_int8_products_is_not_served_as_int8(toy: Any, run_import: Any) -> None:
    with pytest.raises(ConfigError, match="this ONNX file has no int8 products"):
        run_import(toy(), onnx_int8="onnx/model.onnx")


@pytest.mark.parametrize(
    ("names", "choice", "expected"),
    [
        (["onnx/model.onnx", "onnx/model_fp16.onnx", "model.onnx"], OnnxChoice(), "onnx/model.onnx"),
        (["onnx/model_fp16.onnx", "model.onnx"], OnnxChoice(), "model.onnx"),
        (["exports/encoder.onnx"], OnnxChoice(), "exports/encoder.onnx"),
        (["a.onnx", "b.onnx"], OnnxChoice(int8="b.onnx"), "a.onnx"),
        (["a.onnx", "b.onnx"], OnnxChoice("b.onnx"), "b.onnx"),
        (["config.json"], OnnxChoice(), None),
    ],
)
def test_the_fp32_graph_is_found_by_its_name(names: list[str], choice: OnnxChoice, expected: str | None) -> None:
    assert choice.names(names, has_weights=False)[0] == expected


def test_of_several_graphs_the_user_names_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="several ONNX graphs") as error:
        OnnxChoice().names(["a.onnx", "b.onnx"], has_weights=False)
    assert "--onnx names the fp32 graph" in str(error.value)
    (tmp_path / "config.json").write_text("{}")
    for name in ("missing.onnx", "../config.json", "/etc/passwd"):
        with pytest.raises(ConfigError, match="the model has no such ONNX file"):
            OnnxChoice(name).find(tmp_path)


def test_a_graph_is_downloaded_with_its_external_weights() -> None:
    assert download_patterns("onnx/model.onnx", None) == [
        "onnx/model.onnx", "onnx/model.onnx_data*", "onnx/model.onnx.data*",
    ]  # fmt: skip
