from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from glossator.service.documents.sources.open_source import open_source
from glossator.service.documents.sources.remote import is_remote, local_copy
from glossator.service.errors import ConfigError, ExtraMissing, FileMissing


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "site" / "sub").mkdir(parents=True)
    (tmp_path / "site" / "a.csv").write_text("text\nhello\nworld\n")
    (tmp_path / "site" / "sub" / "b.txt").write_text("one\ntwo\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "site")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def texts(path: str) -> list[object]:
    with open_source(path) as source:
        return [record.fields["text"] for record in source.records()]


def test_a_file_at_a_url_is_read_like_a_local_file(site: str) -> None:
    reports: list[str] = []
    with local_copy(f"{site}/a.csv?version=1", reports.append) as path:
        assert Path(path).name == "a.csv"
        assert texts(path) == ["hello", "world"]
    assert not Path(path).exists()
    assert reports == [f"fetched {site}/a.csv?version=1: 17 bytes"]


def test_a_folder_and_a_pattern_are_fetched_with_all_files(tmp_path: Path, site: str) -> None:
    with local_copy(f"file://{tmp_path}/site") as path:
        assert texts(path) == ["hello", "world", "one", "two"]
    with local_copy(f"file://{tmp_path}/site/*.csv") as path:
        assert [file.name for file in Path(path).iterdir()] == ["a.csv"]
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/bucket/x/1.jsonl": b'{"text": "p"}\n', "/bucket/x/y/2.jsonl": b'{"text": "q"}\n'})
    with local_copy("memory://bucket/x/**/*.jsonl") as path:
        assert texts(path) == ["p", "q"]
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("{site}/none.csv", FileMissing, "nothing found at"),
        ("file://{folder}/none.csv", FileMissing, "nothing found at"),
        ("file://{folder}/*.none", FileMissing, "nothing found at"),
        ("odd://x/y", ConfigError, "not known"),
        ("http://127.0.0.1:1/x.csv", FileMissing, "Cannot connect"),
        ("gs://bucket/x.csv", ExtraMissing, "gcsfs"),
    ],
)
def test_urls_that_cannot_be_fetched_raise_errors(
    site: str, tmp_path: Path, url: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message), local_copy(url.format(site=site, folder=tmp_path)):
        pass


def test_paths_are_not_urls() -> None:
    assert not any(map(is_remote, ("a.csv", "-", "/x", "C:\\x", "C:/x", "://x", "")))
    assert all(map(is_remote, ("s3://b/x", "HTTPS://h/x", "gs://b")))
