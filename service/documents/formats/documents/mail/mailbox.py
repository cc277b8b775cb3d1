"""Mailboxes (mbox, RFC 4155): one row per mail. Read mail by mail, so that memory does not grow with the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from glossator.service.documents.formats.documents.document import OpenedDocument
from glossator.service.documents.formats.documents.mail.mail import MAIL_COLUMNS, read_mail
from glossator.service.documents.record import Record
from glossator.service.documents.sources.budgets import MAX_IN_MEMORY
from glossator.service.errors import InputError, TextTooLong, UndecodableFile
from glossator.service.files import compression

_SEPARATOR = re.compile(rb"From .*\b\d{1,2}:\d{2}.*")
"""The line before a mail: sender and time. A line of a text that begins with From has hardly ever a time."""
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


class MailboxSource(OpenedDocument):
    """The mails of a mailbox, as from `MailSource`. A mail that cannot be read is a row with an error."""

    format = "mbox"
    description = "a mailbox"
    columns = MAIL_COLUMNS
    takes_encoding = True

    def _records(self) -> Iterator[Record]:
        for number, data in enumerate(self._mails(), start=1):
            name = f"mail {number} of {self.name}"
            try:
                if isinstance(data, InputError):
                    raise data
                fields, decisions = read_mail(data, name, encoding=self._options.encoding)
            except InputError as error:
                yield Record(number, {}, error)
                continue
            self._decisions += [each for each in decisions if each not in self._decisions]
            yield Record(number, fields)

    def _mails(self) -> Iterator[bytes | InputError]:
        lines: list[bytes] = []
        size, started = 0, False
        try:
            for line, follows_blank in self._lines():
                if follows_blank and _SEPARATOR.match(line):
                    if started:
                        yield self._finish(lines, size)
                    lines, size, started = [], 0, True
                    continue
                if not started and line.strip():
                    yield UndecodableFile(
                        f"{self.name} is not a mailbox",
                        found=line[:60].decode("ascii", "backslashreplace"),
                        expected="a line such as `From ada@example.org Mon Nov  2 10:00:00 2026` before each mail",
                        hint="Name it .eml if it is one mail.",
                    )
                    return
                size += len(line)
                if size <= MAX_IN_MEMORY:
                    lines.append(line)
        except compression.READ_ERRORS as error:
            yield UndecodableFile(f"{self.name} cannot be read to its end", found=error)
            return
        if started:
            yield self._finish(lines, size)
        else:
            yield UndecodableFile(f"{self.name} is empty", expected=self.description)

    def _finish(self, lines: list[bytes], size: int) -> bytes | InputError:
        if size > MAX_IN_MEMORY:
            return TextTooLong(
                f"a mail in {self.name} is too large",
                found=f"{size:,} bytes",
                expected=f"at most {MAX_IN_MEMORY:,} bytes",
            )
        return _QUOTED_FROM.sub(rb"\1", b"".join(lines))

    def _lines(self) -> Iterator[tuple[bytes, bool]]:
        """Yield each line, and whether it is the first or follows a blank line."""
        rest, follows_blank = b"", True
        while block := self._stream.read1(1 << 20):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield line + b"\n", follows_blank
                follows_blank = not line.strip(b"\r")
        if rest:
            yield rest, follows_blank
