from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.service.documents.decoding.iso2022jp import decode_iso2022jp

CHARACTERS = st.sampled_from("荷物がまだ届きません。注文、アプリ abc\n亜腕弌熙")


@given(st.text(CHARACTERS))
def test_it_decodes_what_python_encodes(text: str) -> None:
    assert decode_iso2022jp(text.encode("iso2022_jp")) == text


def test_characters_that_nec_added_are_read() -> None:
    assert decode_iso2022jp(b"\x1b$B-!4V-j\x1b(B ok") == "①間㈱ ok"
    assert decode_iso2022jp(b"\x1b(I1\x1b(B") == "ｱ"


@pytest.mark.parametrize("data", [b"\x1b$B0", b"\x1b$B\x01\x02", b"caf\xe9"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_iso2022jp(data)
