"""Changes to the bundle in a folder, the way a careless writer or a faulty disk makes them.

Each takes the folder last, so that `functools.partial` can fix the rest. Those that say "sealed" write sizes, hashes
and digest anew after the change, as somebody would who edits a bundle by hand and knows its format.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

MANIFEST = "bundle.json"

Fields = dict[str, Any]
Change = Callable[[Fields], object]


def seal(change: Change, root: Path) -> None:
    """Makes the manifest fit the files again, then applies `change` to it, then writes it with its digest."""
    fields = json.loads((root / MANIFEST).read_bytes())
    for name in list(fields["files"]):
        if (root / name).is_file():
            data = (root / name).read_bytes()
            fields["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    change(fields)
    fields.pop("digest")
    fields["digest"] = hashlib.sha256(canonical(fields)).hexdigest()
    (root / MANIFEST).write_bytes(canonical(fields))


def canonical(fields: Fields) -> bytes:
    """The bytes of `bundle.json` as docs/bundle.md defines them."""
    return (json.dumps(fields, ensure_ascii=False, indent=2) + "\n").encode()


def as_it_is(fields: Fields) -> None:
    """The change of a manifest that is only sealed."""


# Files.


def delete(name: str, root: Path) -> None:
    (root / name).unlink()


def delete_sealed(name: str, root: Path) -> None:
    (root / name).unlink()
    seal(lambda fields: fields["files"].pop(name), root)


def replace_sealed(name: str, data: bytes, root: Path) -> None:
    (root / name).write_bytes(data)
    seal(as_it_is, root)


def rewrite(name: str, change: Callable[[bytes], bytes], root: Path) -> None:
    (root / name).write_bytes(change((root / name).read_bytes()))


def other_byte_after(marker: bytes) -> Callable[[bytes], bytes]:
    """Makes the byte after `marker` another: a zero, or a one where it is a zero."""

    def change(data: bytes) -> bytes:
        where = data.index(marker) + len(marker)
        other = b"1" if data[where : where + 1] == b"0" else b"0"
        return data[:where] + other + data[where + 1 :]

    return change


def flip(name: str, root: Path) -> None:
    """Flips the lowest bit of the byte in the middle."""
    data = bytearray((root / name).read_bytes())
    data[len(data) // 2] ^= 1
    (root / name).write_bytes(data)


def cut(name: str, root: Path) -> None:
    os.truncate(root / name, (root / name).stat().st_size // 2)


def add(name: str, root: Path) -> None:
    (root / name).touch()


def add_undecodable(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9")).touch()


def link(name: str, root: Path) -> None:
    """Moves a file or folder out of the bundle and links to it."""
    moved = root.parent / f"moved-{Path(name).name}"
    (root / name).rename(moved)
    (root / name).symlink_to(moved)


def become_folder(name: str, root: Path) -> None:
    (root / name).unlink()
    (root / name).mkdir()


def become_pipe(name: str, root: Path) -> None:
    (root / name).unlink()
    os.mkfifo(root / name)


def become_pipe_sealed(name: str, root: Path) -> None:
    """To who compares sizes a pipe is an empty file; but reading it never ends."""
    replace_sealed(name, b"", root)
    become_pipe(name, root)


def become_file(root: Path) -> None:
    shutil.rmtree(root)
    root.touch()


def add_socket(root: Path) -> None:
    folder = os.open(root, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/socket")  # the path of a socket may have 107 bytes and no more
    os.close(folder)


def exchange(one: str, other: str, root: Path) -> None:
    aside = root / "aside"
    (root / one).rename(aside)
    (root / other).rename(root / one)
    aside.rename(root / other)


# Fields of the manifest.


def list_file(name: str, fields: Fields) -> None:
    fields["files"][name] = {"sha256": hashlib.sha256(b"").hexdigest(), "size": 0}


def serve(graph: str, fields: Fields) -> None:
    fields["served"]["graph"] = graph


def encode(fields: Fields, **changes: object) -> None:
    fields["task"]["encoding"].update(changes)


def calibrate(fields: Fields, *, temperature: float = 1.0, thresholds: float | None = None) -> None:
    """Multiplies the temperature, and makes all thresholds the same."""
    calibration = fields["task"]["calibration"]
    calibration["temperature"] *= temperature
    if thresholds is not None:
        calibration["thresholds"] = [thresholds for _ in fields["task"]["labels"]]


def drop_threshold(fields: Fields) -> None:
    fields["task"]["calibration"]["thresholds"] = [0.5 for _ in fields["task"]["labels"][1:]]


def swap_labels(fields: Fields) -> None:
    labels = fields["task"]["labels"]
    labels[0], labels[1] = labels[1], labels[0]


def turn_problem_type(fields: Fields) -> None:
    """Single-label becomes multi-label and the other way round; for a task or for a `config.json`."""
    types = {"single_label_classification", "multi_label_classification"}
    (fields["problem_type"],) = types - {fields["problem_type"]}
    if "calibration" in fields:
        fields["calibration"]["thresholds"] = None


# Content, sealed.


def edit_json(name: str, change: Change, root: Path) -> None:
    content = json.loads((root / name).read_bytes())
    change(content)
    replace_sealed(name, json.dumps(content).encode(), root)


def edit_golden(change: Callable[[list[Fields]], object], root: Path) -> None:
    """Applies `change` to the golden rows, those with an answer first."""
    rows = [json.loads(line) for line in (root / "golden.jsonl").read_bytes().splitlines()]
    rows.sort(key=lambda row: "error" in row)
    change(rows)
    replace_sealed("golden.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode(), root)


def raise_logit(rows: list[Fields]) -> None:
    rows[0]["logits"][0] += 1.0


def give_another_label(rows: list[Fields]) -> None:
    known = {label for row in rows for label in row.get("labels", [])}
    rows[0]["labels"] = sorted(known - set(rows[0]["labels"]))[:1]


def expect_error(rows: list[Fields]) -> None:
    rows[0] = {"name": rows[0]["name"], "text": rows[0]["text"], "error": "empty-text"}


def swap_config_labels(root: Path) -> None:
    def change(config: Fields) -> None:
        names = config["id2label"]
        names["0"], names["1"] = names["1"], names["0"]
        config["label2id"] = {name: int(index) for index, name in names.items()}

    edit_json("config.json", change, root)


def swap_all_labels(root: Path) -> None:
    swap_config_labels(root)
    seal(swap_labels, root)


def turn_problem_type_everywhere(root: Path) -> None:
    edit_json("config.json", turn_problem_type, root)
    seal(lambda fields: turn_problem_type(fields["task"]), root)


def restride(root: Path) -> None:
    """Gives windows another overlap, one that makes another number of them of the longest golden text."""
    rows = [json.loads(line) for line in (root / "golden.jsonl").read_bytes().splitlines()]
    longest = max(rows, key=lambda row: row.get("tokens", 0))

    def change(fields: Fields) -> None:
        encoding = fields["task"]["encoding"]
        width = encoding["max_length"] - 2  # two special tokens
        encoding["stride"] = next(
            stride
            for stride in reversed(range(encoding["max_length"] // 2))
            if 1 - (width - longest["tokens"]) // (width - stride) != longest["windows"]
        )

    seal(change, root)


def renumber(number: Callable[[int, int], int], root: Path) -> None:
    """Gives every token that is not special another id: `number(place, count)` returns its new place."""

    def change(tokenizer: Fields) -> None:
        model = tokenizer["model"]
        vocabulary = model["vocab"]  # WordPiece and BPE
        fixed = {token["content"] for token in tokenizer["added_tokens"]} | {model.get("unk_token")}
        free = [token for token in vocabulary if token not in fixed]
        ids = sorted(vocabulary[token] for token in free)
        beyond = max(vocabulary.values()) + 1
        for place, token in enumerate(free):
            moved = number(place, len(free))
            vocabulary[token] = ids[moved] if moved < len(ids) else beyond + place

    edit_json("tokenizer.json", change, root)


def precede_by_charsmap(data: bytes, root: Path) -> None:
    """Puts a damaged SentencePiece normaliser before the tokenizer: the Rust code that reads it panics."""
    normalizer = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(data).decode()}
    edit_json("tokenizer.json", lambda tokenizer: tokenizer.update(normalizer=normalizer), root)


def edit_served_graph(change: Callable[[onnx.ModelProto], bytes | None], root: Path) -> None:
    """Applies `change` to the served graph: it changes the graph in place, or returns the bytes to write instead."""
    name = json.loads((root / MANIFEST).read_bytes())["served"]["graph"]
    model = onnx.load(root / name)
    replace_sealed(name, change(model) or model.SerializeToString(), root)
