"""Names and terms in both languages, with their aliases: ``corpus/glossary.csv``."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from qa.errors import CorpusError
from qa.text.language import has_cjk
from qa.text.tokens import search_tokens

COLUMNS = ("en", "zh", "aliases", "kind")
NAME_KINDS = frozenset(
    "company lab model product person chip law programme benchmark place agency organisation report event".split()
)
"""Kinds of entries that are names: a question that holds one asks about that very thing."""
KINDS = NAME_KINDS | {"term"}

_WORD = re.compile(r"[a-z0-9]+(?:[.][a-z0-9]+)*")
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
_CJK_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_MAX_WORDS = 8
_MAX_IDEOGRAPHS = 16


@lru_cache(maxsize=50_000)
def plain(text: str) -> str:
    """Return the words of a text in plain letters and digits, with a space before and after each."""
    return f" {' '.join(_PLAIN_WORD.findall(text.lower()))} "


@dataclass(frozen=True)
class Entry:
    """One row: an English form, a Chinese form, other forms, and what kind of thing it is."""

    en: str
    zh: str
    aliases: tuple[str, ...]
    kind: str

    @property
    def is_name(self) -> bool:
        """Whether the entry names one particular thing."""
        return self.kind in NAME_KINDS

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """All non-empty forms, English first."""
        return tuple(form for form in (self.en, self.zh, *self.aliases) if form)

    @cached_property
    def tokens(self) -> tuple[frozenset[str], ...]:
        """The search tokens of each form that has any."""
        return tuple(tokens for tokens in (frozenset(search_tokens(form)) for form in self.forms) if tokens)

    @cached_property
    def _written(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The forms with ideographs, and the others as they stand in plain text."""
        return tuple(f for f in self.forms if has_cjk(f)), tuple(plain(f)[:-1] for f in self.forms if not has_cjk(f))

    def named_in(self, text: str) -> bool:
        """Tell whether a text holds any of the forms."""
        chinese, latin = self._written
        words = plain(text) if latin else ""
        for form in [form for form in latin if form in words]:
            if f"{form} " in words or f"{form}s " in words:
                return True
        return any([form in text for form in chinese])


@dataclass(frozen=True)
class Mention:
    """An entry found in a text."""

    start: int
    end: int
    entry: Entry


def _key(form: str) -> str:
    return " ".join(_WORD.findall(form.lower()))


def _mixed_key(form: str) -> str:
    return re.sub(r"\s+", "", form.lower())


class Glossary:
    """Finds entries in text by their longest form; case, hyphens and spaces don't matter."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._latin: dict[str, Entry] = {}
        self._cjk: dict[str, Entry] = {}
        self._mixed: dict[str, Entry] = {}  # forms with ideographs and other signs: "文心X1", "人工智能+"
        for entry in self.entries:
            for form in entry.forms:
                if has_cjk(form):
                    if _CJK_RUN.fullmatch(form):
                        self._cjk.setdefault(form, entry)
                    else:
                        self._mixed.setdefault(_mixed_key(form), entry)
                else:
                    self._latin.setdefault(_key(form), entry)
        self._latin.pop("", None)
        # A name that a sign makes ("Face++") is not the word without it.
        bare = {_key(form) for entry in self.entries for form in entry.forms if not form.endswith("+")}
        self._signed = {_key(form) for entry in self.entries for form in entry.forms if form.endswith("+")} - bare
        # How long the forms are that begin with a word or a sign: most begin none.
        self._words: dict[str, int] = {}
        for key in self._latin:
            words = key.split(" ")
            self._words[words[0]] = max(self._words.get(words[0], 1), min(len(words), _MAX_WORDS))
        self._cjk_sizes = _sizes(form for form in self._cjk if len(form) <= _MAX_IDEOGRAPHS)
        self._mixed_sizes = _sizes(self._mixed)

    def __len__(self) -> int:
        return len(self.entries)

    @classmethod
    def load(cls, path: Path) -> Glossary:
        """Read a glossary file; a missing file is an empty glossary.

        Raises:
            CorpusError: the file is not UTF-8, or a row lacks columns, names no form or has an
                unknown kind.
        """
        if not path.exists():
            return cls(())
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            line = path.read_bytes()[: error.start].count(b"\n") + 1
            raise CorpusError(f"{path.name}:{line}: not UTF-8; save the file as UTF-8") from error
        return cls(_rows(text, path.name))

    def mentions(self, text: str) -> list[Mention]:
        """Return the longest non-overlapping mentions in order of position."""
        found = self._latin_mentions(text)
        if has_cjk(text):
            found += self._cjk_mentions(text) + self._mixed_mentions(text)
        found.sort(key=lambda m: (m.start, -m.end))
        kept: list[Mention] = []
        for mention in found:
            if not kept or mention.start >= kept[-1].end:
                kept.append(mention)
        return kept

    def _latin_mentions(self, text: str) -> list[Mention]:
        lower = text.lower()
        words = list(_WORD.finditer(lower)) if len(lower) == len(text) else []
        written = [word.group() for word in words]
        found = []
        i = 0
        while i < len(words):
            for size in range(min(self._words.get(written[i], 1), len(words) - i), 0, -1):
                key = " ".join(written[i : i + size])
                entry = self._latin.get(key) or (self._latin.get(key[:-1]) if key[-1] == "s" else None)
                if entry is None:
                    continue
                start, end = words[i].start(), words[i + size - 1].end()
                if key in self._signed and text[end : end + 1] != "+":
                    continue
                # Short forms ("US", "GLM", "BYD") must be written in capitals to be names.
                if len(key) > 3 or text[start:end] != text[start:end].lower() or any(map(str.isdigit, key)):
                    found.append(Mention(start, end, entry))
                    i += size - 1
                    break
            i += 1
        return found

    def _mixed_mentions(self, text: str) -> list[Mention]:
        """Find the longest mixed forms, with or without a space between two signs."""
        places = [i for i, sign in enumerate(text) if not sign.isspace()]
        signs = "".join([text[i] for i in places])
        lower = signs.lower()
        signs = lower if len(lower) == len(signs) else signs
        found = []
        i = 0
        while i < len(signs):
            for size in self._mixed_sizes.get(signs[i], ()):
                entry = self._mixed.get(signs[i : i + size]) if i + size <= len(signs) else None
                if entry and all(b - a <= 2 for a, b in itertools.pairwise(places[i : i + size])):
                    found.append(Mention(places[i], places[i + size - 1] + 1, entry))
                    i += size - 1
                    break
            i += 1
        return found

    def _cjk_mentions(self, text: str) -> list[Mention]:
        found = []
        for run in _CJK_RUN.finditer(text):
            i = run.start()
            while i < run.end():
                for size in self._cjk_sizes.get(text[i], ()):
                    entry = self._cjk.get(text[i : i + size]) if i + size <= run.end() else None
                    if entry:
                        found.append(Mention(i, i + size, entry))
                        i += size - 1
                        break
                i += 1
        return found


def _sizes(forms: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return the lengths, over 1, of the forms that begin with a sign, falling."""
    found: dict[str, set[int]] = {}
    for form in forms:
        if len(form) > 1:
            found.setdefault(form[0], set()).add(len(form))
    return {sign: tuple(sorted(sizes, reverse=True)) for sign, sizes in found.items()}


def _rows(text: str, name: str) -> list[Entry]:
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise CorpusError(f"{name}:1: the columns must be {', '.join(COLUMNS)}")
    entries = []
    for row in reader:
        line = reader.line_num
        if None in row or any(row[c] is None for c in COLUMNS):
            raise CorpusError(f"{name}:{line}: the row must have {len(COLUMNS)} columns; quote a value with a comma")
        if row["kind"] not in KINDS:
            raise CorpusError(f"{name}:{line}: unknown kind {row['kind']!r}; use one of {', '.join(sorted(KINDS))}")
        if not row["en"].strip() and not row["zh"].strip():
            raise CorpusError(f"{name}:{line}: the row names nothing; fill en or zh")
        aliases = tuple(a.strip() for a in row["aliases"].split("|") if a.strip())
        entries.append(Entry(row["en"].strip(), row["zh"].strip(), aliases, row["kind"]))
    return entries
