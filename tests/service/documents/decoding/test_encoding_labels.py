from __future__ import annotations

import pytest

from glossator.service.documents.decoding.encoding_labels import find_encoding


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("utf8", "utf-8"),
        ("latin1", "windows-1252"),
        ("us-ascii", "windows-1252"),
        ("ISO-8859-9", "windows-1254"),
        ("gb2312", "gb18030"),
        ("GB_2312-80", "gb18030"),
        ("x-sjis", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ("cp-850", "cp850"),
        ('"koi8-r"', "koi8-r"),
        ("dos-874", "cp874"),
        ("x-cp1251", "windows-1251"),
        ("iso8859-2", "iso-8859-2"),
        ("csISO2022JP", "iso-2022-jp"),
    ],
)
def test_a_label_means_the_superset(label: str, encoding: str) -> None:
    assert find_encoding(label) == encoding


@pytest.mark.parametrize(
    "label", ["x-unknown", "", "\0", "hex", "zlib", "idna", "undefined", "unicode_escape", "rot13"]
)
def test_labels_of_no_text_encoding_are_unknown(label: str) -> None:
    assert find_encoding(label) is None
