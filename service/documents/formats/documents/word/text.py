"""The text that Word shows: of WordprocessingML (ISO/IEC 29500-1, section 17), transitional or strict.

Insertions, moved text, content controls, results of fields, links, text boxes, notes, headers and footers are text.
Deleted and hidden text, comments, and the code of fields are not. A cell that is merged with the one above it has no
text of its own.
"""

from __future__ import annotations

from typing import Any

from glossator.service.documents.formats.documents.word.lists import ListNumbering
from glossator.service.documents.formats.documents.word.styles import WordStyles, is_on
from glossator.service.documents.formats.documents.xml_package import XmlPackage, attribute, join_cells, local_name

_SKIPPED = frozenset([
    "pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr", "fldData", "del",
    "moveFrom", "delText", "delInstrText", "instrText", "annotationRef", "commentReference", "rt",
])  # fmt: skip
_CHARACTERS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}
_SYMBOL_CAPITALS = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ"
_SYMBOL_LETTERS = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"


def word_text(package: XmlPackage) -> str:
    """Return the text of a Word document: headers, body, footnotes, endnotes and footers, one paragraph per line.

    Raises UndecodableFile if the document is damaged, or contains a document in another format.
    """
    main = next((path for kind, path in package.relationships("").values() if kind == "officeDocument"), None)
    if main is None or main not in package:
        raise package.damaged("no document in it")
    root = package.parse(main)
    if local_name(root) != "document":
        raise package.damaged(f"its main part is {local_name(root)}")
    relations = package.relationships(main)
    parts = {kind: path for kind, path in relations.values() if path in package}
    styles = WordStyles(package.parse(parts["styles"]) if "styles" in parts else None)
    lists = ListNumbering(package.parse(parts["numbering"]) if "numbering" in parts else None)
    even_pages = "settings" in parts and _uses_even_headers(package.parse(parts["settings"]))

    body = _Story(package, main, styles, lists)
    text = body.read(root)
    blocks = [text]
    for kind, references in (("footnotes", body.footnotes), ("endnotes", body.endnotes)):
        if references and kind in parts:
            notes = {attribute(note, "id"): note for note in package.parse(parts[kind])}
            story = _Story(package, parts[kind], styles, lists)
            blocks += [story.read(notes[each]) for each in references if each in notes]
    around: dict[str, list[str]] = {"headerReference": [], "footerReference": []}
    for kind, path in _header_parts(root, relations, even_pages):
        if path in package:
            found = _Story(package, path, styles, lists).read(package.parse(path))
            if found.strip() and found not in around[kind]:
                around[kind].append(found)
    return "\n".join([*around["headerReference"], *blocks, *around["footerReference"]])


def _header_parts(root: Any, relations: dict[str, tuple[str, str]], even_pages: bool) -> list[tuple[str, str]]:
    """Return `headerReference` or `footerReference`, and the part, of each header and footer that is shown."""
    found = []
    for section in root.iter():
        if local_name(section) != "sectPr":
            continue
        title_page = any(local_name(child) == "titlePg" and is_on(child) for child in section)
        for child in section:
            kind, target = local_name(child), relations.get(attribute(child, "id") or "")
            place = attribute(child, "type")
            shown = (place != "first" or title_page) and (place != "even" or even_pages)
            if kind in ("headerReference", "footerReference") and shown and target is not None:
                found.append((kind, target[1]))
    return found


def _uses_even_headers(settings: Any) -> bool:
    return any(local_name(child) == "evenAndOddHeaders" and is_on(child) for child in settings)


class _Story:
    """Reads the paragraphs and tables of the body, a note, a header or a footer."""

    def __init__(self, package: XmlPackage, path: str, styles: WordStyles, lists: ListNumbering) -> None:
        self._package = package
        self._relations = package.relationships(path)
        self._styles = styles
        self._lists = lists
        self.footnotes: list[str] = []
        self.endnotes: list[str] = []
        self._fields: list[bool] = []
        """For each open field, whether its result has begun; before it comes its code."""
        self._boxes: list[str] = []
        """Texts of boxes that are anchored in the current paragraph."""

    def read(self, container: Any) -> str:
        return "\n".join(self._blocks(container))

    def _blocks(self, container: Any) -> list[str]:
        blocks: list[str] = []
        joined = False
        for child in container:
            tag = local_name(child)
            if tag == "p":
                added = self._paragraph(child)
                if joined and added and blocks:  # the mark of the paragraph before was deleted
                    blocks[-1] += added.pop(0)
                blocks += added
                joined = _is_mark_deleted(child)
            elif tag == "tbl":
                blocks += self._table(child)
            elif tag == "altChunk":
                raise self._package.damaged("a document in another format inside it (altChunk)")
            elif tag == "AlternateContent":
                blocks += self._blocks(_chosen_alternative(child))
            elif tag not in _SKIPPED:
                blocks += self._blocks(child)
        return blocks

    def _paragraph(self, paragraph: Any) -> list[str]:
        properties = next((child for child in paragraph if local_name(child) == "pPr"), None)
        style = _style_of(properties, "pStyle")
        outer, self._boxes = self._boxes, []
        text = self._inline(paragraph, hidden=self._styles.is_hidden(style))
        boxes, self._boxes = self._boxes, outer
        numbering = self._styles.numbering(properties, style)
        if numbering is not None and text.strip():
            text = self._lists.next_label(*numbering) + text
        if not text and properties is not None and self._styles.is_run_hidden(properties):
            return boxes  # an empty paragraph whose mark is hidden takes no line
        return [text, *boxes]

    def _inline(self, parent: Any, *, hidden: bool) -> str:
        parts = []
        for child in parent:
            tag = local_name(child)
            if tag in _SKIPPED:
                continue
            if tag == "r":
                parts.append(self._inline(child, hidden=self._styles.is_run_hidden(child, default=hidden)))
            elif tag == "fldChar":
                self._enter_field(attribute(child, "fldCharType"))
            elif tag == "AlternateContent":
                parts.append(self._inline(_chosen_alternative(child), hidden=hidden))
            elif tag == "txbxContent":
                self._boxes += self._blocks(child)
            elif hidden or not all(self._fields):
                if len(child):  # a field may end in it
                    self._inline(child, hidden=True)
            elif tag == "t":
                parts.append(child.text or "")
            elif tag in _CHARACTERS:
                parts.append(_CHARACTERS[tag])
            elif tag == "sym":
                parts.append(_symbol(child))
            elif tag == "textpath":
                self._boxes.append(attribute(child, "string") or "")
            elif tag in ("footnoteReference", "endnoteReference"):
                references = self.footnotes if tag == "footnoteReference" else self.endnotes
                references.append(attribute(child, "id") or "")
            elif tag == "relIds":  # a SmartArt graphic
                self._boxes += self._graphic(attribute(child, "dm") or "")
            elif tag == "p":  # text in a drawing, in its own markup
                self._boxes.append(self._inline(child, hidden=hidden))
            else:
                parts.append(self._inline(child, hidden=hidden))
        return "".join(parts)

    def _graphic(self, identifier: str) -> list[str]:
        """Return the texts of a SmartArt graphic, whose data are a part of their own."""
        _, path = self._relations.get(identifier, ("", ""))
        if path not in self._package:
            return []
        paragraphs = [each for each in self._package.parse(path).iter() if local_name(each) == "p"]
        texts = ["".join(each.text or "" for each in found.iter() if local_name(each) == "t") for found in paragraphs]
        return [text for text in texts if text]

    def _enter_field(self, kind: str | None) -> None:
        if kind == "begin":
            self._fields.append(False)
        elif kind == "separate" and self._fields:
            self._fields[-1] = True
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _table(self, table: Any) -> list[str]:
        rows: list[str] = []
        for child in table:
            tag = local_name(child)
            if tag == "tr":
                if not _has_property(child, "trPr", "del", "hidden"):
                    rows.append(join_cells(self._cells(child)))
            elif tag not in _SKIPPED:  # content controls around rows, insertions
                rows += self._table(child)
        return rows

    def _cells(self, row: Any) -> list[str]:
        cells: list[str] = []
        for child in row:
            tag = local_name(child)
            if tag == "tc":
                if not _has_property(child, "tcPr", "cellDel", "hMerge"):
                    merged = _has_property(child, "tcPr", "vMerge")
                    cells.append("" if merged else "\n".join(self._blocks(child)).strip("\n"))
            elif tag not in _SKIPPED:
                cells += self._cells(child)
        return cells


def _chosen_alternative(element: Any) -> Any:
    """Return the alternative that Word shows: the first choice, else the fallback; both contain the same text."""
    return next((child for child in element if local_name(child) in ("Choice", "Fallback")), element)


def _has_property(element: Any, properties: str, *names: str) -> bool:
    """Whether a row or cell has one of these properties; merging counts only where a merged region goes on."""
    for child in element:
        if local_name(child) == properties:
            return any(
                local_name(each) in names and attribute(each, "val") not in ("restart", "0", "false", "off")
                for each in child
            )
    return False


def _style_of(properties: Any, kind: str) -> str | None:
    if properties is None:
        return None
    return next((attribute(child, "val") for child in properties if local_name(child) == kind), None)


def _is_mark_deleted(paragraph: Any) -> bool:
    for properties in paragraph:
        if local_name(properties) == "pPr":
            runs = [child for child in properties if local_name(child) == "rPr"]
            return any(local_name(each) in ("del", "moveFrom") for child in runs for each in child)
    return False


def _symbol(element: Any) -> str:
    """Return the character of a symbol font: a Greek letter of the font Symbol, else the code point that is given."""
    try:
        code = int(attribute(element, "char") or "", 16)
    except ValueError:
        return ""
    letter = code & 0xFF if 0xF000 <= code <= 0xF0FF else code
    if attribute(element, "font") == "Symbol":
        if ord("A") <= letter <= ord("Z"):
            return _SYMBOL_CAPITALS[letter - ord("A")]
        if ord("a") <= letter <= ord("z"):
            return _SYMBOL_LETTERS[letter - ord("a")]
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""
