from task_factory import TASKS, make_task

from glossator.service.api.web.api_page.dialect_calls import dialect_calls
from glossator.service.api.web.api_page.served_tasks import TASK_KINDS, sample_texts
from glossator.service.bundle.task import Task

KINDS: list[Task] = [
    *map(make_task, TASKS),
    make_task("text-classification", ["score"], "regression"),
    make_task("text-pair", ["score"], "regression"),
    make_task("text-pair", ["entailment", "neutral", "contradiction"]),
]


def test_every_task_has_a_kind_of_answers_and_every_kind_a_task() -> None:
    for task in KINDS:
        assert any(kind.fits(task) for kind in TASK_KINDS)
    for kind in TASK_KINDS:
        assert any(kind.fits(task) for task in KINDS), kind.title


def test_dialects_of_each_task() -> None:
    found = {
        (each.task, getattr(each, "problem_type", None)): [
            call.dialect for call in dialect_calls(each, "a", sample_texts(each))
        ]
        for each in KINDS
    }
    everywhere = ["Open Inference Protocol", "KServe V1"]
    rerank = ["Glossator rerank", "Cohere rerank", "Jina rerank", "text-embeddings-inference rerank"]
    tei = "text-embeddings-inference"
    labels, rated = "single_label_classification", "regression"
    assert found == {
        ("text-classification", labels): ["Glossator", "Hugging Face", "Cohere", tei, *everywhere, "Label Studio"],
        ("text-classification", rated): ["Glossator", "Hugging Face", tei, *everywhere, "Label Studio"],
        ("text-pair", labels): ["Glossator", "Hugging Face", tei, *everywhere, "Label Studio"],
        ("text-pair", rated): ["Glossator", "Hugging Face", tei, *rerank, *everywhere, "Label Studio"],
        ("token-classification", None): ["Glossator", "Hugging Face", *everywhere, "Label Studio"],
        ("question-answering", None): ["Glossator", "Hugging Face", *everywhere, "Label Studio"],
        ("text-embedding", None): ["Glossator", "OpenAI", "Cohere", "Hugging Face", tei, *rerank, *everywhere],
    }


def test_name_of_a_model_is_escaped_in_paths() -> None:
    (native, *_) = dialect_calls(make_task(), "a b/ü@challenger", ["a text"])
    assert native.path == "/v1/models/a%20b%2F%C3%BC@challenger/predict"
    assert native.route == "/v1/models/{name}/predict"
