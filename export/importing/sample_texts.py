"""Texts on which an imported model is compared with PyTorch if its user gives none: composed from the phrases below.

They vary in length, language, script and punctuation. They say nothing about the accuracy of a model.
"""

# ruff: noqa: RUF001
from __future__ import annotations

import random
from itertools import product

SAMPLE_SIZE = 640
"""Enough texts to show, without a changed decision, that at most half a percent of the decisions change."""

_PHRASES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "English": (
        ("Yesterday", "In the spring of 1998", "After three calls and two letters", "On the way to Edinburgh"),
        (
            "the parcel arrived with a torn corner",
            "Marie Curie gave a lecture at the University of Paris",
            "I could not log in to my account",
            "the river rose by almost two metres",
            "the committee of the European Union agreed on new rules for batteries",
            "our guide explained how bees find their way home",
            "the second half of the film was far better than the first",
        ),
        (".", ", and nobody could say why.", ": is that normal?", "! I would do it again.", " (see page 12)."),
    ),
    "German": (
        ("Gestern Abend", "Seit dem Umbau des Bahnhofs in München", "Trotz der Kälte"),
        (
            "kam die Rechnung zum dritten Mal",
            "spielte das Orchester ein Stück von Clara Schumann",
            "ließ sich die Tür nicht öffnen",
            "war die Straße zwischen Köln und Bonn gesperrt",
        ),
        (".", ", obwohl niemand damit gerechnet hatte.", "; wer ist dafür zuständig?"),
    ),
    "French": (
        ("Hier matin", "Depuis l'été dernier", "À la sortie du musée"),
        (
            "le colis n'est jamais arrivé à Marseille",
            "j'ai reçu un remboursement partiel",
            "la bibliothèque prête aussi des instruments de musique",
            "Victor Hugo n'aurait pas reconnu le quartier",
        ),
        (".", ", ce qui m'a beaucoup surpris.", " ; que dois-je faire ?"),
    ),
    "Spanish": (
        ("Ayer por la tarde", "Desde enero", "Según el periódico"),
        (
            "el pedido llegó incompleto",
            "subieron los precios del aceite en toda España",
            "la aplicación se cierra al abrir el mapa",
            "el puente de Sevilla estuvo cerrado",
        ),
        (".", ", pero nadie avisó.", ". ¿Alguien sabe por qué?"),
    ),
    "Polish": (
        ("Wczoraj", "Po przerwie obiadowej"),
        ("paczka dotarła do Łodzi uszkodzona", "Maria Skłodowska-Curie odebrała nagrodę", "hasło przestało działać"),
        (".", " — proszę o szybką odpowiedź!"),
    ),
    "Turkish": (
        ("Dün akşam", "İstanbul'dan dönerken"),
        ("kargo yanlış adrese gitti", "ışıklar iki saat sönük kaldı", "yeni şifre kabul edilmedi"),
        (".", "; ne yapmalıyım?"),
    ),
    "Russian": (
        ("Вчера вечером", "После ремонта"),
        ("посылка пришла без чека", "поезд из Казани опоздал на час", "приложение не открывается"),
        (".", ", и никто не объяснил почему."),
    ),
    "Greek": (
        ("Χθες", "Μετά τη βροχή"),
        ("το δέμα έφτασε ανοιγμένο", "η έκθεση στη Θεσσαλονίκη ήταν κλειστή"),
        (".", ", δυστυχώς."),
    ),
    "Arabic": (
        ("أمس", "منذ الأسبوع الماضي"),
        ("وصل الطرد متأخرا", "لا يعمل التطبيق على هاتفي"),
        (".", "، فماذا أفعل؟"),
    ),
    "Hindi": (
        ("कल शाम", "पिछले हफ़्ते से"),
        ("मेरा पार्सल नहीं पहुँचा", "दिल्ली की ट्रेन देर से आई"),
        ("।", ", कृपया मदद करें।"),
    ),
    "Chinese": (
        ("昨天下午,", "搬到上海以后,"),
        ("包裹还没有送到", "我的账户无法登录", "博物馆免费开放"),
        ("。", ",请尽快回复。"),
    ),
    "Japanese": (
        ("昨日、", "京都へ行く途中、"),
        ("荷物が壊れて届いた", "ログインできなくなった"),
        ("。", "。どうすればいいですか?"),
    ),
    "Korean": (
        ("어제 ", "지난주부터 "),
        ("택배가 오지 않았습니다", "비밀번호가 바뀌지 않습니다"),
        (".", ". 도와주세요."),
    ),
}
_UNUSUAL = (
    "ok", "???", "100 %", "RE: RE: FW: invoice 4711", "https://example.org/orders?id=42&lang=en", "a@example.org",
    "SELECT name FROM orders WHERE total > 100;", "I ♥ this", "so gooooood!!!", "null", "C:\\temp\\notes.txt",
    "tel. +00 123 45 67", "- one\n- two\n- three", "\"quoted\"", "1.5e-3", "#tag @someone", "half-finished sent",
)  # fmt: skip


def sample_texts() -> list[str]:
    """Return SAMPLE_SIZE distinct texts: single sentences, then pairs and longer runs of them."""
    sentences = [
        f"{opening}{'' if opening.endswith((',', '、', ' ')) else ' '}{statement}{ending}"
        for openings, statements, endings in _PHRASES.values()
        for opening, statement, ending in product(openings, statements, endings)
    ]
    texts = [*_UNUSUAL, *sentences]
    chance = random.Random(0)
    while len(texts) < SAMPLE_SIZE:
        length = 2 + len(texts) % 4 + (20 if len(texts) % 40 == 0 else 0)
        text = " ".join(chance.choices(sentences, k=length))
        if text not in texts:
            texts.append(text)
    return texts


def sample_pairs() -> tuple[list[str], list[str]]:
    """Return first and second texts of as many pairs: each text with one that follows it, in part the same."""
    texts = sample_texts()
    return texts, [texts[(row + row % 3) % len(texts)] for row in range(len(texts))]
