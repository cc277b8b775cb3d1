"""A response with the content of a file that is open already: what was checked is what is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


class OpenFileResponse(FileResponse):
    """The content of an open file, with support for ranges.

    Args:
        descriptor: Of the file, for reading. The response closes it.
        filename: The name under which browsers save the file.
        media_type: The media type.
        headers: Further headers.
    """

    def __init__(self, descriptor: int, *, filename: str, media_type: str, headers: Mapping[str, str]) -> None:
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115  (closed after the response)
        super().__init__(
            f"/dev/fd/{descriptor}",  # the open file itself: its name may lead to another one by now
            filename=filename,
            media_type=media_type,
            headers=headers,
            stat_result=os.fstat(descriptor),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)
