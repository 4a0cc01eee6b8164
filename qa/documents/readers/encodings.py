"""Bytes to text: byte order marks, declarations, UTF-8, the Chinese encodings, then what charset-normalizer finds."""

from __future__ import annotations

import codecs
import re

from qa.errors import UnreadableFile
from qa.text.language import CJK

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like the UTF-16 mark, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Frequent characters of modern Chinese in both scripts. Big5 read as GB18030, or the reverse, gives other, rare characters.
_FREQUENT = frozenset(
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天而能好都然没"
    "日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理"
    "美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北"
    "這來國個說們為時會著過學對裡後麼沒於還發當開無見經頭動兩長現將與進實點種聲話兒間電東聽氣業機問給幾門關應產資訊網數據報"
    "技术工智能模型研究中国，。、；：「」“”（）"
)
_CHINESE = ("gb18030", "big5hkscs")
# Pages that name these mean the larger set, as browsers read them.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "iso-8859-1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252"}
# The lead bytes of the common characters in each encoding, for texts too short to hold frequent ones.
_COMMON_LEADS = {"gb18030": (0xB0, 0xD7), "big5hkscs": (0xA4, 0xC6)}
_ENOUGH_COMMON = 0.75
_ENOUGH_FREQUENT = 0.2  # Chinese prose has half and more; a wrong reading under a tenth
_SAMPLE = 200_000  # bytes that an encoding is chosen by
_MOSTLY_CONTROLS = 0.02  # share of control characters from which data is no text
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """Return the text of a file and the name of its encoding.

    Args:
        data: the file's bytes.
        declared: the encoding that the file itself names, or "".

    Raises:
        UnreadableFile: the bytes are no text in an encoding that is known.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _text(data[len(mark) :].decode(name, "replace")), name
    for name in ("utf-8", _WIDER.get(declared.lower(), declared)):
        try:
            text = data.decode(name)
        except (UnicodeError, LookupError):  # not so, or no name of an encoding of text
            continue
        if not _looks_wide(data):
            return _text(text), name
    name = _wide(data) or _chinese(data) or _found(data)
    return _text(data.decode(name, "replace")), name


def _text(text: str) -> str:
    sample = text[:_SAMPLE]
    if len(_CONTROL.findall(sample)) > 2 + _MOSTLY_CONTROLS * len(sample):  # one or two may be strays
        raise UnreadableFile("is no text and no known format; save it in a supported one")
    return text


def _looks_wide(data: bytes) -> bool:
    """Tell whether zeros stand where UTF-16 has them: ASCII in UTF-16 is valid UTF-8 too."""
    return len(data) % 2 == 0 and data[:_SAMPLE].count(0) > len(data[:_SAMPLE]) // 10


def _wide(data: bytes) -> str:
    """Name UTF-16 without a mark: half of the bytes of its spaces, digits and line breaks are zeros in one place."""
    sample = data[:_SAMPLE]
    for name, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
        low = sample[0::2] if name == "utf-16-le" else sample[1::2]
        if len(data) % 2 == 0 and high.count(0) > max(len(high) // 50, 1) and not low.count(0):
            try:
                sample.decode(name)
            except UnicodeError:
                continue
            return name
    return ""


def _chinese(data: bytes) -> str:
    """Name the Chinese encoding in which the characters are frequent ones, or common ones if none are; "" if neither."""
    scores = [(*_shares(data, name), name) for name in reversed(_CHINESE)]
    frequent, _, name = max(scores, key=lambda score: score[:2])
    if frequent >= _ENOUGH_FREQUENT:
        return name
    _, common, name = max(scores, key=lambda score: (score[1] >= _ENOUGH_COMMON, score[0], score[2] == "gb18030"))
    return name if common >= _ENOUGH_COMMON else ""


def _shares(data: bytes, name: str) -> tuple[float, float]:
    """Return the shares of frequent and of common characters among ideographs, zeros where the bytes are not in this encoding."""
    # A cut through a character at the sample's end is no error, so the decoder is told that more follows.
    decoder = codecs.getincrementaldecoder(name)()
    try:
        text = decoder.decode(data[:_SAMPLE])
    except UnicodeError:
        return 0.0, 0.0
    ideographs = re.findall(f"[{CJK}]", text)
    if not ideographs:
        return 0.0, 0.0
    first, last = _COMMON_LEADS[name]
    codes = [c.encode(name) for c in ideographs]
    common = sum(len(code) == 2 and first <= code[0] <= last and (name != "gb18030" or code[1] >= 0xA1) for code in codes)
    return sum(c in _FREQUENT for c in ideographs) / len(ideographs), common / len(ideographs)


def _found(data: bytes) -> str:
    import charset_normalizer

    matches = charset_normalizer.from_bytes(data[:_SAMPLE])
    best = matches.best()
    if best is None:
        raise UnreadableFile("is no text in an encoding that is known; save it as UTF-8")
    # Where several are as likely, English and its neighbours are in cp1252.
    as_likely = {match.encoding for match in matches if match.chaos <= best.chaos}
    return "cp1252" if "cp1252" in as_likely else best.encoding
