"""A transformers model behind the interface of an ONNX session: same inputs and outputs for each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glossator.modeling.encoder_class import encoder_class
from glossator.modeling.pooling import pool
from glossator.service.bundle.task import Task, TaskName
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.runtime.session import by_window, pad, token_types
from glossator.service.tasks.encoded import Floats

_AUTO_CLASSES: dict[TaskName, str] = {
    "text-classification": "AutoModelForSequenceClassification",
    "text-pair": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
}


def auto_class(task: TaskName, family: str) -> Any:
    """Return the transformers Auto class that loads models of a task; `family` is the `model_type`."""
    import transformers

    from glossator.modeling.registration import register_architectures

    register_architectures()
    return encoder_class(family) if task == "text-embedding" else getattr(transformers, _AUTO_CLASSES[task])


def takes_token_types(model: Any, task: Task) -> bool:
    """Whether the graph has the input `token_type_ids`: for two texts, if the architecture uses it to separate them."""
    return reads_pairs(task) and int(getattr(model.config, "type_vocab_size", 0) or 0) > 1


def graph_outputs(model: Any, task: Task, **inputs: Any) -> tuple[Any, ...]:
    """Return the tensors named by `task.outputs`, in that order.

    `inputs` are `input_ids`, `attention_mask` and optionally `token_type_ids`.
    """
    found = model(**inputs)
    if task.task == "question-answering":
        return found.start_logits, found.end_logits
    if task.task == "text-embedding":
        vectors = getattr(found, "embedding", None)  # of a model that pools by itself
        if vectors is not None:
            return (vectors,)
        return (pool(found.last_hidden_state, inputs["attention_mask"], task.pooling, normalized=task.normalized),)
    return (found.logits,)


def batch_tensors(windows: Sequence[Sequence[int]], pad_token_id: int, *, types: bool, device: Any) -> dict[str, Any]:
    """Return the model inputs of a batch of windows as tensors on `device`, padded to the longest window."""
    import torch

    input_ids, attention_mask = pad(windows, pad_token_id)
    arrays = {"input_ids": input_ids, "attention_mask": attention_mask}
    if types:
        arrays["token_type_ids"] = token_types(windows)
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


class TorchSession:
    """Runs windows through a PyTorch model in the precision of its weights; same interface as the ONNX `Session`."""

    def __init__(self, model: Any, task: Task) -> None:
        self.model = model
        self._task = task
        self._types = takes_token_types(model, task)
        self._per_token = task.task in ("token-classification", "question-answering")

    def run(self, windows: Sequence[Sequence[int]]) -> Sequence[Floats]:
        """Return the outputs for each window. The model's training mode is restored afterwards."""
        import torch

        device = next(self.model.parameters()).device
        inputs = batch_tensors(windows, self._task.encoding.pad_token_id, types=self._types, device=device)
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                found = graph_outputs(self.model, self._task, **inputs)
        finally:
            self.model.train(was_training)
        return by_window([each.float().cpu().numpy() for each in found], windows, per_token=self._per_token)
