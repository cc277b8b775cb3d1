"""Recognises what a model does from the files of its folder, and says by which of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from glossator.export.importing.classifier_head import read_head
from glossator.export.importing.cross_encoder import CrossEncoder, read_cross_encoder
from glossator.export.importing.model_config import check_makes_vectors, read_config, task_of_head
from glossator.export.importing.model_config import label_names as names_in_config
from glossator.export.importing.setfit_folder import LinearHead, is_setfit, read_setfit
from glossator.export.importing.static_embeddings import Model2Vec, read_model2vec
from glossator.export.importing.tag_schemes import read_tags
from glossator.modeling.sentence_transformers_folder import MODULES, SentenceFolder, read_modules
from glossator.service.bundle import file_names
from glossator.service.bundle.task import Pooling, ProblemType, Tagging, TaskName
from glossator.service.errors import ConfigError

ENTAILMENT = frozenset({"entailment", "entail"})


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a model does. `evidence`: how it was recognised, in sentences for the user."""

    task: TaskName
    labels: list[str] = field(default_factory=list)
    problem_type: ProblemType = "single_label_classification"
    score_range: tuple[float, float] | None = None
    """Of scores; None if the score is the logit, as the field of the task."""
    tagging: Tagging = "IOB2"
    pooling: Pooling | list[Pooling] = "mean"
    normalized: bool = False
    sentence: SentenceFolder | None = None
    """The modules of a model of sentence-transformers or model2vec, or None."""
    model2vec: Model2Vec | None = None
    """What model2vec says, if it saved the model."""
    linear_head: LinearHead | None = None
    """The head of SetFit on the vectors of the sentence-transformers model."""
    prompt: str = ""
    """What is put before each text."""
    max_length: int | None = None
    """What the model's own configuration sets; None if it sets none."""
    subfolder: str = ""
    """Where the encoder is inside the folder of the model; often empty."""
    evidence: list[str] = field(default_factory=list)


def recognise(
    folder: Path, *, task: TaskName | None = None, label_names: Sequence[str] = (), prompt: str | None = None
) -> Recognised:
    """Return what the model in `folder` does.

    Args:
        folder: The folder of the model.
        task: What the user says that it does; None if the files decide.
        label_names: The names of the labels in the order of the logits, in place of those in the configuration.
        prompt: The name of the prompt that is put before each text; empty for none. None takes the default of the
            model.

    Raises ConfigError if it is no model, or one that cannot be imported; the message says why.
    """
    _refuse_parts(folder)
    model2vec = read_model2vec(folder)
    sentence_model = read_modules(folder) if model2vec is None else model2vec.modules
    if sentence_model is not None and sentence_model.is_static and not is_setfit(folder):
        return _static(sentence_model, model2vec, task, prompt)
    linear = read_setfit(folder, sentence_model)
    if linear is not None and sentence_model is not None:
        return _with_linear_head(sentence_model, linear, task, label_names, prompt)
    config = read_config(folder)
    names: list[str] = config.get("architectures") or []
    shown = f"config.json: architectures {', '.join(names)}" if names else "config.json names no architecture"
    evidence = [f"{shown}, model_type {config.get('model_type')}"]
    if "auto_map" in config:
        evidence.append("the model's folder has its own code, which is not run")
    cross_encoder = None
    if sentence_model is None and task_of_head(config) == "text-classification":
        cross_encoder = read_cross_encoder(folder, config, len(names_in_config(config)))
    found = task or _task_of(config, sentence_model, cross_encoder)
    if found == "text-embedding":
        if sentence_model is None:  # else the folder names a pooling: the model makes vectors, whatever it was before
            check_makes_vectors(config)
        return _embedding(sentence_model, evidence, prompt)
    if prompt:
        raise _no_prompt(prompt, {})
    if sentence_model is not None:
        raise ConfigError(
            "this sentence-transformers model makes vectors", found=f"--task {found}", hint="Leave --task out."
        )
    given = names_in_config(config)
    labels = list(label_names) or given
    if len(labels) != len(given):
        raise ConfigError(
            "the model has another number of labels",
            found=f"{len(labels)} names",
            expected=f"{len(given)}: {', '.join(given)}",
        )
    if found == "token-classification":
        tags = read_tags(labels)
        return Recognised(found, tags.labels, tagging=tags.tagging, evidence=[*evidence, tags.evidence])
    if found == "question-answering":
        return Recognised(found, evidence=[*evidence, "the head gives the start and the end of an answer"])
    if found == "text-pair" and task is None:
        evidence.append(
            f"reads two texts: {cross_encoder.evidence if cross_encoder else 'it has a label of entailment'}"
        )
    head = read_head(
        config,
        found,
        labels,
        named=bool(label_names),
        cross_encoder=cross_encoder.activation if cross_encoder else None,
    )
    return Recognised(
        found,
        head.labels,
        problem_type=head.problem_type,
        score_range=head.score_range,
        evidence=[*evidence, *head.evidence],
    )


def _refuse_parts(folder: Path) -> None:
    """Raise ConfigError for adapters that were not merged."""
    if (folder / "adapter_config.json").is_file() and not (folder / file_names.CONFIG).is_file():
        raise ConfigError(
            "this is an adapter without its base model",
            found=folder / "adapter_config.json",
            hint="In peft, call merge_and_unload() and save the merged model with save_pretrained(folder).",
        )


def _task_of(
    config: Mapping[str, Any], sentence_model: SentenceFolder | None, cross_encoder: CrossEncoder | None
) -> TaskName:
    """Return the task that the head of the model is for."""
    if sentence_model is not None:
        return "text-embedding"
    task = task_of_head(config)
    return "text-pair" if task == "text-classification" and (cross_encoder or _entailment(config)) else task


def _entailment(config: Mapping[str, Any]) -> bool:
    return any(label.lower() in ENTAILMENT for label in names_in_config(config))


def _embedding(model: SentenceFolder | None, evidence: list[str], prompt: str | None) -> Recognised:
    if model is None:
        if prompt is not None:
            raise _no_prompt(prompt, {})
        evidence.append("no known head: a vector per text, the mean of the token vectors, not normalized")
        return Recognised("text-embedding", evidence=evidence)
    evidence.append(model.description if evidence and model.is_static else f"{MODULES}: {model.description}")
    chosen = model.default_prompt if prompt is None else prompt
    if chosen and chosen not in model.prompts and prompt is not None:
        raise _no_prompt(chosen, model.prompts)
    text = model.prompts.get(chosen, "") if chosen else ""
    if text:
        why = "--prompt" if prompt is not None else "default_prompt_name"
        evidence.append(f"every text is read with the prompt {chosen!r} before it ({why}): {text!r}")
    for name, other in model.prompts.items():
        if other and other != text:
            hint = "" if text else f"begin your texts with {other!r}, or "
            evidence.append(f"the prompt {name!r} is not added: {hint}import with --prompt {name}")
    if model.similarity not in (None, "cosine") and not model.normalized:
        evidence.append(f"similarity_fn_name {model.similarity}: made for that; reranking here compares by cosine")
    poolings = model.poolings or ["mean"]
    return Recognised(
        "text-embedding",
        pooling=poolings[0] if len(poolings) == 1 else poolings,
        normalized=model.normalized,
        sentence=model,
        prompt=text,
        max_length=model.max_length,
        subfolder=model.encoder,
        evidence=evidence,
    )


def _with_linear_head(
    body: SentenceFolder, head: LinearHead, task: TaskName | None, label_names: Sequence[str], prompt: str | None
) -> Recognised:
    if task not in (None, "text-classification"):
        raise ConfigError("a SetFit model labels texts", found=f"--task {task}", hint="Leave --task out.")
    if label_names and len(label_names) != len(head.labels):
        raise ConfigError(
            "the model has another number of labels",
            found=f"{len(label_names)} names",
            expected=f"{len(head.labels)}: {', '.join(head.labels)}",
        )
    found = _embedding(body, [head.evidence], prompt)
    if found.prompt:
        raise ConfigError("a SetFit model with a prompt cannot be imported", found=found.prompt)
    return replace(
        found,
        task="text-classification",
        labels=list(label_names) or head.labels,
        problem_type=head.problem_type,
        linear_head=head,
    )


def _static(
    modules: SentenceFolder, model2vec: Model2Vec | None, task: TaskName | None, prompt: str | None
) -> Recognised:
    if task not in (None, "text-embedding"):
        raise ConfigError("a table of token vectors makes vectors", found=f"--task {task}", hint="Leave --task out.")
    evidence = [] if model2vec is None else ["model.safetensors has embeddings: saved by model2vec, read as it reads"]
    return replace(_embedding(modules, evidence, prompt), model2vec=model2vec)


def _no_prompt(name: str, prompts: Mapping[str, str]) -> ConfigError:
    return ConfigError(
        "the model has no such prompt", found=name, expected=", ".join(prompts) or "no prompt: the model has none"
    )
