"""English, Chinese or both: by the share of CJK characters among letters."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "zh", "mixed"]

# Unified ideographs with extension A and the compatibility block; enough for modern text.
CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CJK = re.compile(f"[{CJK}]")
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")


def has_cjk(text: str) -> bool:
    """Tell whether the text holds at least one CJK ideograph."""
    return _CJK.search(text) is not None


def cjk_share(text: str) -> float:
    """Return the share of ideographs among ideographs and Latin words, 0 to 1."""
    ideographs = len(_CJK.findall(text))
    words = len(_LATIN_WORD.findall(text))
    return ideographs / (ideographs + words) if ideographs + words else 0.0


def language_of(text: str) -> Language:
    """Name the language of a text.

    A Chinese sentence with Latin names in it is Chinese: one ideograph weighs as much as one
    Latin word, so a fifth of ideographs already makes a text mixed and a half makes it Chinese.
    """
    share = cjk_share(text)
    if share >= 0.5:
        return "zh"
    return "mixed" if share >= 0.2 else "en"


def reading_language(text: str) -> Literal["en", "zh"]:
    """Choose the language in which to answer a text: Chinese if it holds any ideograph."""
    return "zh" if has_cjk(text) else "en"
