"""What the hub's client raises becomes an error with a hint; test_hub_push and test_hub_pull raise the others."""

from __future__ import annotations

import errno

import pytest

from glossator.modeling.hub_errors import hub_errors
from glossator.service.errors import ConfigError, OutputError


def test_a_full_disk_names_the_folder() -> None:
    with pytest.raises(OutputError, match="disk of the hub's cache is full") as caught, hub_errors("owner/name"):
        raise OSError(errno.ENOSPC, "No space left on device", "/cache/blobs/1")
    assert (caught.value.found, caught.value.hint) == ("/cache/blobs/1", "Free some space, or set HF_HOME.")


def test_an_error_in_a_thread_of_the_client_is_the_error_of_its_cause() -> None:
    with pytest.raises(OutputError, match="full"), hub_errors("owner/name"):
        raise RuntimeError("Error while uploading") from OSError(errno.ENOSPC, "No space left on device")


def test_an_unknown_error_is_shown_in_one_line_without_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(ConfigError) as caught, hub_errors("owner/name"):
        raise ValueError("bad answer for hf_secret\nwith details")
    assert caught.value.found == "owner/name: bad answer for [token]"


def test_errors_of_ours_pass() -> None:
    with pytest.raises(ConfigError, match=r"^ours"), hub_errors("owner/name"):
        raise ConfigError("ours")
