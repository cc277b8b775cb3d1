"""A hub of models on this machine, for the real huggingface_hub client.

It speaks the endpoints that the client uses to look up, create, read and write repositories: repositories with branches
and commits, files in Git LFS if they are large or graphs, gated and private repositories, tokens with rights to write.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

OWNER_TOKEN, READER_TOKEN = "hf_owner_of_the_tests", "hf_reader_of_the_tests"
ATTRIBUTES = b"*.onnx filter=lfs diff=lfs merge=lfs -text\n"
_LFS_SUFFIXES = (".onnx", ".bin", ".safetensors")


@dataclass
class Repository:
    """A repository: `branches` to commits, and the files of each commit."""

    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    weights: int = 0
    """How many numbers the safetensors have, which the hub counts in their headers."""
    ignored: set[str] = field(default_factory=set)
    """Files that the hub leaves out of commits, as a .gitignore makes it do."""

    def commit(self, files: dict[str, bytes], *, branch: str = "main", message: str = "") -> str:
        """Set the files of a branch; returns the commit."""
        parent = self.branches.get(branch, "")
        content = "".join(f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in sorted(files.items()))
        commit = hashlib.sha1(f"{parent}\n{content}{len(self.commits)}".encode()).hexdigest()
        self.commits[commit] = dict(files)
        self.messages[commit] = message
        self.branches[branch] = commit
        return commit

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """The files of a branch or commit."""
        return self.commits[self.branches.get(revision, revision)]


@dataclass
class LocalHub:
    """The repositories by name, what was asked, and what the hub does wrong on purpose."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    """Objects of Git LFS by SHA-256."""
    cut: dict[str, int] = field(default_factory=dict)
    """Files of which only the first bytes are sent, by name."""
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and message of requests whose path contains a word."""
    lock: Lock = field(default_factory=Lock)

    def add(self, name: str, files: dict[str, bytes], **options: Any) -> Repository:
        """Add a repository with one commit on `main`."""
        made = self.repositories[name] = Repository(**options)
        made.commit(files)
        return made

    def paths(self, method: str, word: str = "") -> list[str]:
        """The paths that were asked with a method, those that contain a word."""
        return [path for asked, path in self.asked if asked == method and word in path]


@contextmanager
def local_hub() -> Iterator[LocalHub]:
    """A hub that listens on this machine until the block ends."""
    hub = LocalHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def use_hub(monkeypatch: pytest.MonkeyPatch, url: str, cache: str, *, token: str | None = None) -> None:
    """Make the client in this process use a hub: it reads the environment only when it is imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", cache)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", cache + "/no-token")
    if token is None:
        monkeypatch.delenv("HF_TOKEN", raising=False)
    else:
        monkeypatch.setenv("HF_TOKEN", token)


def git_blob_id(data: bytes) -> str:
    """The name of a file's content in Git."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Refused(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer("GET")

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def _answer(self, method: str) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.hub.lock:
            self.hub.asked.append((self.command, path))
            try:
                for word, (status, message) in self.hub.refused.items():
                    if word in path:
                        raise _Refused(status, message=message)
                self._route(method, path, body)
            except _Refused as refused:
                headers = {"X-Error-Code": refused.code, "X-Error-Message": refused.message}
                self._send(refused.status, b"", {name: value for name, value in headers.items() if value})

    def _route(self, method: str, path: str, body: bytes) -> None:
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._send_json({"errors": [], "warnings": []})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._writable("/".join(parts[:2]).removesuffix(".git"))
            self._send_json(
                {"transfer": "basic", "objects": [self._lfs_object(o) for o in json.loads(body)["objects"]]}
            )
        elif method == "PUT" and parts[0] == "lfs":
            self.hub.stored[hashlib.sha256(body).hexdigest()] = body
            self._send(200, b"")
        elif parts[:2] == ["api", "models"]:
            self._api("/".join(parts[2:4]), parts[4] if len(parts) > 4 else "", "/".join(parts[5:]) or "main", body)
        elif len(parts) > 4 and parts[2] == "resolve":
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            raise _Refused(404)

    def _api(self, name: str, what: str, revision: str, body: bytes) -> None:
        if what in ("", "revision"):
            found, commit = self._commit(name, revision)
            siblings = [{"rfilename": each} for each in found.commits[commit]]
            info = {"id": name, "sha": commit, "private": found.private, "siblings": siblings}
            if found.weights:
                info["safetensors"] = {"parameters": {"BF16": found.weights}, "total": found.weights}
            self._send_json(info)
        elif what == "tree":
            found, commit = self._commit(name, revision)
            self._send_json([_tree_entry(each, data) for each, data in found.commits[commit].items()])
        elif what == "preupload":
            found, commit = self._commit(name, revision, write=True)
            files = [
                {"path": each["path"], "uploadMode": "lfs" if _is_lfs(each["path"], each["size"]) else "regular",
                 "shouldIgnore": each["path"] in found.ignored}
                for each in json.loads(body)["files"]
            ]  # fmt: skip
            self._send_json({"files": files})
        elif what == "branch":
            found = self._writable(name)
            found.branches[revision] = found.branches[json.loads(body).get("startingPoint", "main")]
            self._send(200, b"")
        elif what == "commit":
            found, commit = self._commit(name, revision, write=True)
            self._send_json(
                self._write(found, name, revision, commit, [json.loads(line) for line in body.splitlines()])
            )
        else:
            raise _Refused(404)

    def _write(
        self, found: Repository, name: str, branch: str, parent: str, lines: list[dict[str, Any]]
    ) -> dict[str, Any]:
        header, files = lines[0]["value"], dict(found.commits[parent])
        if header.get("parentCommit", parent) != parent:
            raise _Refused(412, message="A commit has happened since. Please refresh and try again.")
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            else:
                del files[value["path"]]
        commit = found.commit(files, branch=branch, message=header["summary"])
        return {"commitUrl": f"{self.hub.url}/{name}/commit/{commit}", "commitOid": commit, "pullRequestUrl": None}

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if self._token() is None:
            raise _Refused(401, message="Invalid username or password.")
        if asked["organization"] != "owner" or self._token() != OWNER_TOKEN:
            raise _Refused(403, message=f"You don't have the rights to create a model under {asked['organization']}")
        if name in self.hub.repositories:
            raise _Refused(409, message="You already created this model repo")
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.add(name, {".gitattributes": ATTRIBUTES}, private=private)
        self._send_json({"url": f"{self.hub.url}/{name}"})

    def _lfs_object(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = {"oid": asked["oid"], "size": asked["size"]}
        if asked["oid"] in self.hub.stored:
            return known
        return known | {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}"}}}

    def _file(self, name: str, revision: str, path: str) -> None:
        found, commit = self._commit(name, revision)
        if path not in found.commits[commit]:
            raise _Refused(404, "EntryNotFound")
        data = found.commits[commit][path]
        etag = hashlib.sha256(data).hexdigest() if _is_lfs(path, len(data)) else git_blob_id(data)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        status, whole, sent = 200, len(data), data
        if (asked := self.headers.get("Range", "")).startswith("bytes="):
            first = int(asked.removeprefix("bytes=").partition("-")[0])
            status, sent = 206, data[first:]
            headers["Content-Range"] = f"bytes {first}-{whole - 1}/{whole}"
        self._send(status, sent, headers, cut=self.hub.cut.get(path))

    def _commit(self, name: str, revision: str, *, write: bool = False) -> tuple[Repository, str]:
        found = self._writable(name) if write else self._readable(name)
        commit = found.branches.get(revision, revision)
        if commit not in found.commits:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found, commit

    def _readable(self, name: str) -> Repository:
        found = self.hub.repositories.get(name)
        if self._token() not in (None, OWNER_TOKEN, READER_TOKEN):
            raise _Refused(401, message="Invalid credentials in Authorization header")
        if found is None or (found.private and self._token() != OWNER_TOKEN):
            raise _Refused(404 if self._token() else 401, "RepoNotFound", "Repository not found")
        if found.gated and self._token() is None:
            raise _Refused(403, "GatedRepo", f"Access to model {name} is restricted.")
        return found

    def _writable(self, name: str) -> Repository:
        found = self._readable(name)
        if self._token() != OWNER_TOKEN:
            raise _Refused(403, message="Forbidden: you must use a write token to upload to a repository.")
        return found

    def _token(self) -> str | None:
        return self.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def _send_json(self, body: object) -> None:
        self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut])
        self.close_connection = self.close_connection or cut is not None


def _is_lfs(path: str, size: int) -> bool:
    return size > 0 and path.endswith(_LFS_SUFFIXES)


def _tree_entry(path: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": git_blob_id(data)}
    if _is_lfs(path, len(data)):
        sha256 = hashlib.sha256(data).hexdigest()
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n"
        lfs = {"oid": sha256, "size": len(data), "pointerSize": len(pointer)}
        entry |= {"oid": git_blob_id(pointer.encode()), "lfs": lfs}
    return entry
