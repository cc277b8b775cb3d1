"""A model of transformers behind the interface of our graphs: the same inputs, the same outputs, by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glossator.service.bundle.task import Task, TaskName
from glossator.service.inference.encoding import reads_pairs
from glossator.service.inference.runtime.session import by_window, pad, token_types
from glossator.service.tasks.encoded import Floats

_AUTO_CLASSES: dict[TaskName, str] = {
    "text-classification": "AutoModelForSequenceClassification",
    "text-pair": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
    "text-embedding": "AutoModel",
}


def auto_class(task: TaskName) -> Any:
    """The class of transformers that opens models of a task."""
    import transformers

    from glossator.modeling.architectures import register

    register()
    return getattr(transformers, _AUTO_CLASSES[task])


def takes_token_types(model: Any, task: Task) -> bool:
    """Whether the graph has `token_type_ids`: where two texts are read and the family tells them apart by these."""
    return reads_pairs(task) and int(getattr(model.config, "type_vocab_size", 0) or 0) > 1


def graph_outputs(model: Any, task: Task, **inputs: Any) -> tuple[Any, ...]:
    """The tensors of `task.outputs`, in their order, for `input_ids`, `attention_mask` and maybe `token_type_ids`."""
    found = model(**inputs)
    if task.task == "question-answering":
        return found.start_logits, found.end_logits
    if task.task == "text-embedding":
        return (pooled(found.last_hidden_state, inputs["attention_mask"], task.pooling, normalized=task.normalized),)
    return (found.logits,)


def pooled(hidden: Any, attention_mask: Any, pooling: str, *, normalized: bool) -> Any:
    """Vectors `(batch, dimension)` from hidden states `(batch, seq, dimension)`: the mean over tokens that are not
    padding, or the first token's."""
    from torch.nn import functional

    if pooling == "cls":
        vectors = hidden[:, 0]
    else:
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        vectors = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
    return functional.normalize(vectors, dim=-1) if normalized else vectors


def tensors(windows: Sequence[Sequence[int]], pad_token_id: int, *, types: bool, device: Any) -> dict[str, Any]:
    """The inputs of a batch of windows."""
    import torch

    input_ids, attention_mask = pad(windows, pad_token_id)
    arrays = {"input_ids": input_ids, "attention_mask": attention_mask}
    if types:
        arrays["token_type_ids"] = token_types(windows)
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


class TorchSession:
    """Runs windows through a PyTorch model, in the precision of its weights. `run` as in `glossator.service.inference`."""

    def __init__(self, model: Any, task: Task) -> None:
        self.model = model
        self._task = task
        self._types = takes_token_types(model, task)
        self._per_token = task.task in ("token-classification", "question-answering")

    def run(self, windows: Sequence[Sequence[int]]) -> Sequence[Floats]:
        """What the model gives for each window; it is left in the mode (training or not) that it was in."""
        import torch

        device = next(self.model.parameters()).device
        inputs = tensors(windows, self._task.encoding.pad_token_id, types=self._types, device=device)
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                found = graph_outputs(self.model, self._task, **inputs)
        finally:
            self.model.train(was_training)
        return by_window([each.float().cpu().numpy() for each in found], windows, per_token=self._per_token)
