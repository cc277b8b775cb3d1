"""Makes an adapter with peft, saves it, and prints what the merged model gives; run by a Python with peft.

Usage: python peft_calls.py < call.json

The call is `{"base", "folder", "task", "labels", "options", "ids"}`: `ids` are token ids of texts. Prints a list of
logits for each text.
"""

from __future__ import annotations

import json
import sys
from typing import Any

CLASSES = {"SEQ_CLS": "AutoModelForSequenceClassification", "TOKEN_CLS": "AutoModelForTokenClassification"}


def run(call: dict[str, Any]) -> list[Any]:
    """Train nothing: give the new matrices random values, which peft would have after training."""
    import torch
    import transformers
    from peft import LoraConfig, PeftModel, get_peft_model

    kind = getattr(transformers, CLASSES[call["task"]])
    torch.manual_seed(1)
    base = kind.from_pretrained(call["base"], num_labels=call["labels"])
    model = get_peft_model(base, LoraConfig(task_type=call["task"], **call["options"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(len(name)))
    model.save_pretrained(call["folder"])
    fresh = kind.from_pretrained(call["base"], num_labels=call["labels"])
    merged = PeftModel.from_pretrained(fresh, call["folder"]).merge_and_unload().eval()
    with torch.no_grad():
        return [merged(input_ids=torch.tensor([ids])).logits[0].tolist() for ids in call["ids"]]


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
