"""ZIP archives of XML files, as Word, OpenDocument and EPUB documents are. Needs lxml, of the extra `files`.

Archives that expand too far and XML with a document type, which may declare entities, are refused.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from typing import Any

from glossator.service.errors import UndecodableFile
from glossator.service.files.compression import expansion_error
from glossator.service.optional_packages import import_optional

_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


class XmlPackage:
    """The files in a document.

    Args:
        data: The bytes of the document.
        name: The document in errors.
        kind: Its format in errors, such as `a Word document`.

    Raises UndecodableFile if it is no ZIP archive, encrypted, or expands too far.
    """

    def __init__(self, data: bytes, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self._etree = import_optional("lxml.etree", kind, package="lxml")
        if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            raise UndecodableFile(
                f"{name} is an old Office document, or protected by a password",
                expected=kind,
                hint="Save it again without a password, in the current format.",
            )
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
            members = self._archive.infolist()
        except _READ_ERRORS as error:
            raise self.damaged(error) from None
        bomb = expansion_error(name, len(data), sum(member.file_size for member in members))
        if bomb is not None:
            raise bomb
        self._members = {member.filename: member for member in members}

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def read(self, path: str) -> bytes:
        """Return the bytes of a file in the document."""
        try:
            return self._archive.read(self._members[path])
        except _READ_ERRORS as error:
            raise self.damaged(error if not isinstance(error, KeyError) else f"no {path} in it") from None

    def parse(self, path: str) -> Any:
        """Return the root element of an XML file in the document."""
        parser = self._etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
        )
        try:
            root = self._etree.fromstring(self.read(path), parser)
        except (self._etree.LxmlError, ValueError) as error:
            raise self.damaged(f"{path}: {error}") from None
        if root is None:
            raise self.damaged(f"{path} is empty")
        if root.getroottree().docinfo.internalDTD is not None:
            raise self.damaged(f"{path} declares a document type")
        return root

    def damaged(self, found: object) -> UndecodableFile:
        """Return the error of a document that cannot be read."""
        return UndecodableFile(
            f"{self.name} cannot be read as {self.kind}",
            found=found,
            expected=f"a complete {self.kind.split(' ', 1)[-1]}",
            hint="Open it in its program and save it again.",
        )

    def relationships(self, path: str) -> dict[str, tuple[str, str]]:
        """Return the type and the target of each relationship of a part of an Office document, by id."""
        folder, file = posixpath.split(path)
        relations = posixpath.join(folder, "_rels", f"{file}.rels")
        if relations not in self:
            return {}
        found = {}
        for relation in self.parse(relations):
            target = str(relation.get("Target", ""))
            joined = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            kind = str(relation.get("Type", "")).rsplit("/", 1)[-1]
            if relation.get("TargetMode") != "External":
                found[str(relation.get("Id"))] = (kind, posixpath.normpath(joined))
        return found


def local_name(element: Any) -> str:
    """Return the tag of an element without its namespace; empty for entities and comments."""
    tag = element.tag
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str | None:
    """Return the value of an attribute by its name without namespace, or None."""
    for key, value in element.attrib.items():
        if key.rsplit("}", 1)[-1] == name:
            return str(value)
    return None


def join_cells(cells: list[str]) -> str:
    """Return the text of a row of a table: tabs separate cells of one line; cells of several lines are blocks."""
    if any("\n" in cell for cell in cells):
        return "\n".join(cell for cell in cells if cell)
    return "\t".join(cells).rstrip("\t")
