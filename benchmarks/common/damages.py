"""Every kind of damage to a bundle that is known to us, and the names that its refusal must carry.

Used by `tests/service/bundle/test_damage.py` and by `benchmarks/reliability/verify_damage.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.common import tampering as t
from benchmarks.common.graph_damages import EDITS
from benchmarks.common.tampering import MANIFEST, Change, Fields

DEEP = b"[" * 1_000_000
"""JSON that nests further than any reader follows."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One way to spoil the bundle in a folder. `caught_by` holds the names of the faults, or the error's code,
    that must be reported."""

    name: str
    caught_by: tuple[str, ...]
    inflict: Callable[[Path], object]


def file_damages(name: str) -> list[Damage]:
    """What can happen to any file of a bundle; `name` is its path in the folder."""
    if name == MANIFEST:
        found = [
            Damage("is deleted", ("bundle-not-found",), partial(t.delete, name)),
            Damage("is a folder", ("bundle-not-found",), partial(t.become_folder, name)),
            Damage("is a link", ("bundle-not-found",), partial(t.link, name)),
            Damage("is a pipe", ("bundle-not-found",), partial(t.become_pipe, name)),
        ]
    else:
        found = [
            Damage("is deleted", ("missing-file",), partial(t.delete, name)),
            Damage("has one bit flipped", ("wrong-hash",), partial(t.flip, name)),
            Damage("is cut in half", ("wrong-size",), partial(t.cut, name)),
            Damage("is a folder", ("missing-file",), partial(t.become_folder, name)),
            Damage("is a link", ("symlink",), partial(t.link, name)),
            Damage("is a pipe", ("not-a-file",), partial(t.become_pipe, name)),
        ]
    return [Damage(f"{name} {damage.name}", damage.caught_by, damage.inflict) for damage in found]


def damages(problem_type: str) -> list[Damage]:
    """Every damage that is not of one file alone, to a bundle of this problem type."""
    found = [*_folder(), *_manifest(), *_manifest_sealed(), *_list_sealed(), *_golden_sealed(), *_contents_sealed()]
    if problem_type == "multi_label_classification":
        found += _decisions_sealed()
    for edit in EDITS:
        inflict = partial(t.edit_served_graph, edit.change)
        found.append(Damage(f"the graph {edit.description}, sealed", edit.caught_by, inflict))
    return found


def _folder() -> Iterator[Damage]:
    yield Damage("the folder is absent", ("bundle-not-found",), shutil.rmtree)
    yield Damage("the folder is a file", ("bundle-not-found",), t.become_file)
    yield Damage("a file is added", ("unlisted-file",), partial(t.add, "onnx/model_fp16.onnx"))
    yield Damage("a hidden file is added", ("unlisted-file",), partial(t.add, ".DS_Store"))
    yield Damage("a file whose name is not UTF-8 is added", ("unlisted-file",), t.add_undecodable)
    yield Damage("a link is added", ("symlink",), lambda root: (root / "extra").symlink_to("/dev/zero"))
    yield Damage("a pipe is added", ("not-a-file",), lambda root: os.mkfifo(root / "pipe"))
    yield Damage("a socket is added", ("not-a-file",), t.add_socket)
    yield Damage("a folder is a link", ("symlink",), partial(t.link, "onnx"))
    yield Damage("a pipe stands for an empty file, sealed", ("not-a-file",), partial(t.become_pipe_sealed, "README.md"))
    exchange = partial(t.exchange, "onnx/model.onnx", "onnx/model_quantized.onnx")
    yield Damage("two graphs are exchanged", ("wrong-size",), exchange)


def _manifest() -> Iterator[Damage]:
    """What the manifest's own digest, or the reader before it, must see."""

    def put(before: bytes, what: bytes) -> Callable[[bytes], bytes]:
        return lambda data: data.replace(before, what, 1)

    changes: list[tuple[str, str, Callable[[bytes], bytes]]] = [
        ("is empty", "manifest-not-json", lambda data: b""),
        ("is not JSON", "manifest-not-json", lambda data: b"name: tickets\n"),
        ("is cut in half", "manifest-not-json", lambda data: data[: len(data) // 2]),
        ("is binary", "manifest-not-json", lambda data: bytes(range(256))),
        ("nests without end", "manifest-not-json", lambda data: DEEP),
        ("is a list", "manifest-schema", lambda data: b"[]\n"),
        ("is UTF-16", "manifest-altered", lambda data: data.decode().encode("utf-16")),
        ("has Windows line ends", "manifest-altered", put(b"\n", b"\r\n")),
        ("lacks its last line feed", "manifest-altered", lambda data: data.rstrip(b"\n")),
        ("has a space made a tab", "manifest-altered", put(b" ", b"\t")),
        ("has a letter of its name changed", "manifest-altered", t.other_byte_after(b'"name": "')),
        ("has a digit of a number changed", "manifest-altered", t.other_byte_after(b'"tolerance": ')),
        ("has a digit of a hash changed", "manifest-altered", t.other_byte_after(b'"sha256": "')),
        ("has a digit of its digest changed", "manifest-altered", t.other_byte_after(b'"digest": "')),
        ("has a letter of a field's name changed", "manifest-unknown-field", t.other_byte_after(b'\n  "serve')),
        ("has a field twice", "manifest-altered", put(b"{\n", b'{\n  "format_version": 3,\n')),
        ("holds NaN", "manifest-schema", put(b'"tolerance": ', b'"tolerance": NaN, "was": ')),
        ("holds infinity", "manifest-schema", put(b'"tolerance": ', b'"tolerance": 1e999, "was": ')),
        ("holds half an emoji", "manifest-altered", put(b'"reason": "', b'"reason": "\\ud83d')),
    ]
    for name, caught_by, change in changes:
        yield Damage(f"bundle.json {name}", (caught_by,), partial(t.rewrite, MANIFEST, change))
    grow = partial(os.truncate, length=2**30)
    yield Damage("bundle.json has a gigabyte", ("manifest-too-large",), lambda root: grow(root / MANIFEST))


def _manifest_sealed() -> Iterator[Damage]:
    """What the schema must see, since the digest is right."""
    changes: list[tuple[str, str, Change]] = [
        ("has a newer format version", "bundle-version-unsupported", lambda fields: fields.update(format_version=4)),
        ("has no format version", "bundle-version-unsupported", lambda fields: fields.pop("format_version")),
        ("has a newer task", "manifest-schema", lambda fields: fields["task"].update(format_version=3)),
        ("has another task", "manifest-schema", lambda fields: fields["task"].update(task="translation")),
        ("has an unknown field", "manifest-unknown-field", lambda fields: fields.update(signature="x")),
        ("has an unknown nested field", "manifest-unknown-field", partial(t.encode, lowercase=True)),
        ("lacks a field", "manifest-schema", lambda fields: fields.pop("verification")),
        ("has a text for a number", "manifest-schema", partial(t.encode, max_length="long")),
        ("has a pad token beyond any vocabulary", "manifest-schema", partial(t.encode, pad_token_id=2**70)),
        ("has windows that do not advance", "manifest-schema", partial(t.encode, stride=2**15)),
        ("has a label twice", "manifest-schema", lambda fields: fields["task"].update(labels=["same", "same"])),
        ("serves a graph that is not listed", "missing-entry", partial(t.serve, "onnx/other.onnx")),
        ("serves what is not a graph", "served-graph", partial(t.serve, "config.json")),
    ]
    for name, caught_by, change in changes:
        yield Damage(f"bundle.json {name}, sealed", (caught_by,), partial(t.seal, change))


def _list_sealed() -> Iterator[Damage]:
    """Faults of the list of files."""
    for what, listed, caught_by in (
        ("outside the bundle", "../config.json", "unsafe-path"),
        ("by an absolute path", "/etc/hostname", "unsafe-path"),
        ("with a backslash", "..\\config.json", "unsafe-path"),
        ("with a name of 300 letters", "x" * 300, "missing-file"),
        ("with a NUL in its name", "config.json\0", "missing-file"),
        ("that is a folder", "onnx", "missing-file"),
        ("that is the manifest itself", MANIFEST, "wrong-size"),
    ):
        change = partial(t.list_file, listed)
        yield Damage(f"a file is listed {what}, sealed", (caught_by,), partial(t.seal, change))
    for name in ("golden.jsonl", "tokenizer.json", "config.json", "onnx/model.onnx"):
        yield Damage(f"{name} is deleted, sealed", ("missing-entry",), partial(t.delete_sealed, name))


def _golden_sealed() -> Iterator[Damage]:
    other_text = "a text of many more tokens than the one that stood here before"
    changes: list[tuple[str, str, Callable[[list[Fields]], object]]] = [
        ("is dropped", "golden-count", lambda rows: rows.pop()),
        ("is added", "golden-count", lambda rows: rows.append(rows[0])),
        ("has another logit", "golden-logits", t.raise_logit),
        ("has another text", "golden-tokens", lambda rows: rows[1].update(text=other_text)),
        ("has another number of tokens", "golden-tokens", lambda rows: rows[0].update(tokens=9)),
        ("has another label", "golden-labels", t.give_another_label),
        ("has an unknown label", "golden-labels", lambda rows: rows[0].update(labels=["no such label"])),
        ("lacks a logit", "golden-labels", lambda rows: rows[0]["logits"].pop()),
        ("expects an error", "golden-error", t.expect_error),
        ("has neither answer nor error", "golden-schema", lambda rows: rows[0].pop("logits")),
    ]
    for name, caught_by, change in changes:
        yield Damage(f"a golden row {name}, sealed", (caught_by,), partial(t.edit_golden, change))


def _contents_sealed() -> Iterator[Damage]:
    """Files that cannot be read, or contradict the manifest or one another."""
    for name, caught_by in (
        ("golden.jsonl", "golden-schema"),
        ("config.json", "config-unreadable"),
        ("reference.json", "reference-schema"),
        ("tokenizer.json", "tokenizer-unreadable"),
    ):
        for what, data in (("is empty", b""), ("lacks its fields", b"{}"), ("nests without end", DEEP)):
            yield Damage(f"{name} {what}, sealed", (caught_by,), partial(t.replace_sealed, name, data))

    other = {"label_counts": {"no such label": 1}}
    inflictions: list[tuple[str, str, Callable[[Path], object]]] = [
        ("labels are swapped in bundle.json", "label-mismatch", partial(t.seal, t.swap_labels)),
        ("labels are swapped in config.json", "label-mismatch", t.swap_config_labels),
        ("labels are swapped in both", "golden-labels", t.swap_all_labels),
        (
            "the problem type is another in bundle.json",
            "problem-type-mismatch",
            partial(t.seal, lambda fields: t.turn_problem_type(fields["task"])),
        ),
        (
            "the problem type is another in config.json",
            "problem-type-mismatch",
            partial(t.edit_json, "config.json", t.turn_problem_type),
        ),
        ("max_length is smaller", "golden-tokens", partial(t.seal, partial(t.encode, max_length=8, stride=0))),
        ("stride is another", "golden-tokens", t.restride),
        ("the pad token is unknown", "pad-token-unknown", partial(t.seal, partial(t.encode, pad_token_id=2**30))),
        (
            "reference.json has other labels",
            "reference-labels",
            partial(t.edit_json, "reference.json", lambda reference: reference.update(other)),
        ),
        ("tokenizer.json makes its reader panic", "tokenizer-unreadable", partial(t.precede_by_charsmap, b"\xff" * 4)),
        ("tokenizer.json panics on texts", "golden-error", partial(t.precede_by_charsmap, bytes(8))),
        (
            "the tokenizer is another model's",
            "golden-logits",
            partial(t.renumber, lambda place, size: size - 1 - place),
        ),
        ("the tokenizer is a larger model's", "golden-error", partial(t.renumber, lambda place, size: size + place)),
    ]
    for name, caught_by, inflict in inflictions:
        yield Damage(f"{name}, sealed", (caught_by,), inflict)


def _decisions_sealed() -> Iterator[Damage]:
    """What turns logits into an answer."""
    for what, change in (
        ("thresholds are all 1", partial(t.calibrate, thresholds=1.0)),
        ("thresholds are all 0", partial(t.calibrate, thresholds=0.0)),
    ):
        yield Damage(f"{what}, sealed", ("golden-labels",), partial(t.seal, change))
    hotter = partial(t.seal, partial(t.calibrate, temperature=10.0))
    yield Damage("the temperature is ten times as high, sealed", ("golden-score",), hotter)
    yield Damage("a threshold is missing, sealed", ("manifest-schema",), partial(t.seal, t.drop_threshold))
    yield Damage("the problem type is another everywhere, sealed", ("golden-score",), t.turn_problem_type_everywhere)
