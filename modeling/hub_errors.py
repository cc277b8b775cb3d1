"""Errors of the Hugging Face hub as errors of ours: what failed for which model, and what to do about it.

No message contains a token, or a signed address of a file.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from glossator.service.errors import ConfigError, GlossatorError, OutputError


@contextmanager
def hub_errors(wanted: str) -> Iterator[None]:
    """Raise errors of the hub's client in the block as errors about `wanted`, such as `owner/name at v2`.

    Raises:
        ConfigError: The hub has no such model, refuses it, or cannot be reached.
        OutputError: The disk of the client's cache is full.
    """
    failures: tuple[type[Exception], ...] = (ValueError, RuntimeError, *transport_errors())
    try:
        yield
    except GlossatorError:
        raise
    except failures as error:
        raise hub_error(error, wanted) from error


def transport_errors() -> tuple[type[Exception], ...]:
    """Return what a request raises that gets no answer: OSError, and the errors of the client's HTTP library, which
    differs between its releases."""
    from huggingface_hub.errors import HfHubHTTPError

    return tuple(each for each in HfHubHTTPError.__bases__ if issubclass(each, Exception))


def hub_error(error: BaseException, wanted: str) -> GlossatorError:
    """Return the error of ours for an error of the hub's client."""
    from huggingface_hub.errors import (
        FileMetadataError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, RuntimeError) and error.__cause__ is not None:  # an upload in a thread of the client
        return hub_error(error.__cause__, wanted)
    if isinstance(error, HFValidationError):
        return ConfigError(
            "this is neither a folder nor a name on the hub", found=wanted, expected="a folder, or owner/name"
        )
    if isinstance(error, GatedRepoError):
        return ConfigError(
            "the model's licence must be accepted before it can be downloaded",
            found=wanted,
            hint="Accept it on the model's page, then set HF_TOKEN to a token of your account.",
        )
    if isinstance(error, RevisionNotFoundError):
        return ConfigError("the model has no such revision", found=wanted, expected="a branch, a tag or a commit")
    if isinstance(error, RepositoryNotFoundError) and not _is_refused_token(error):
        return ConfigError(
            "the hub has no such model, or it is private",
            found=wanted,
            hint="Check the name. A private model needs a token in HF_TOKEN.",
        )
    if isinstance(error, HfHubHTTPError) and not isinstance(error, LocalEntryNotFoundError):
        return _http_error(error.response.status_code, error.server_message, wanted)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            "the disk of the hub's cache is full", found=error.filename, hint="Free some space, or set HF_HOME."
        )
    unanswered = (LocalEntryNotFoundError, OfflineModeIsEnabled, FileMetadataError)
    if isinstance(error, (*unanswered, *(each for each in transport_errors() if each is not OSError))):
        return ConfigError(
            "the hub cannot be reached",
            found=wanted,
            hint="Check the network, HF_ENDPOINT and HF_HUB_OFFLINE, or use a local folder.",
        )
    what = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ConfigError("the hub's client failed", found=f"{wanted}: {without_token(what)}", hint="Try again later.")


def without_token(text: str) -> str:
    """Return a text of the client or the server without the token that it may repeat."""
    from huggingface_hub import get_token

    token = get_token()
    return text.replace(token, "[token]") if token else text


def _is_refused_token(error: Exception) -> bool:
    """Whether the hub answered 401 although a token was sent: then the token is wrong, not the name."""
    from huggingface_hub import get_token

    return getattr(error, "response", None) is not None and (
        error.response.status_code == HTTPStatus.UNAUTHORIZED and get_token() is not None  # type: ignore[attr-defined]
    )


def _http_error(status: int, message: str | None, wanted: str) -> ConfigError:
    from huggingface_hub import get_token

    if status == HTTPStatus.UNAUTHORIZED and get_token() is None:
        return ConfigError(
            "the hub asks for a token",
            found=wanted,
            hint="Set HF_TOKEN to a token of your account; to push, one with the right to write.",
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return ConfigError(
            "the hub does not accept the token",
            found=wanted,
            hint="Make a new token in your account on the hub, and set HF_TOKEN to it.",
        )
    if status == HTTPStatus.FORBIDDEN:
        return ConfigError(
            "the token has no right to do this",
            found=wanted,
            hint="Use a token with the right to write in HF_TOKEN, of a member of the owner.",
        )
    if status == HTTPStatus.PRECONDITION_FAILED:
        return ConfigError(
            "somebody else changed the repository in the meantime", found=wanted, hint="Look at it, then try again."
        )
    said = without_token((message or "").strip().partition("\n")[0]) or f"HTTP status {status}"
    return ConfigError("the hub refuses the request", found=f"{wanted}: {said}", hint="Try again later.")
