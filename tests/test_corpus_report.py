"""The report on a corpus: figures that can be counted by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from qa.documents import Document, corpus_report, parse_markdown, plot_corpus
from qa.documents.corpus import Corpus
from qa.documents.report import facts, readability_index, words
from qa.errors import MissingExtra
from qa.text.glossary import Glossary

ENGLISH = """---
id: users
title: Users
language: en
topic: society
entities: []
as_of: 2025-12-31
translation_of: null
---
## Count
CNNIC counted 249 million users in 2024.[^a] Nobody counted the cats.[^b]

[^a]: CNNIC, "Report", 2025. https://example.org/a
[^b]: Reuters (via Star), "Cats", 2025-05. https://example.org/b
"""
CHINESE = """---
id: users-zh
title: 用户
language: zh
topic: society
entities: []
as_of: 2025-12-31
translation_of: users
---
## 数量
2025年6月用户数为5.15亿。[^a]

[^a]: CNNIC, "Report", 2025. https://example.org/a
"""


@pytest.fixture
def corpus() -> Corpus:
    documents = (parse_markdown(ENGLISH, "en/users.md"), parse_markdown(CHINESE, "zh/users-zh.md"))
    return Corpus(Path(), documents, Glossary(()))


def test_words_are_counted_in_english_and_ideographs_in_chinese(corpus: Corpus) -> None:
    assert [words(d) for d in corpus.documents] == [12, 9]


def test_facts_hold_a_figure_or_a_date(corpus: Corpus) -> None:
    assert [(f.document.id, f.years) for f in facts(corpus)] == [("users", {2024}), ("users-zh", {2025})]


def test_readability_index_follows_its_formula(corpus: Corpus) -> None:
    # 33 + 20 letters and digits in 7 + 4 words in 2 sentences
    assert readability_index(corpus.documents[:1]) == pytest.approx(4.71 * 53 / 11 + 0.5 * 11 / 2 - 21.43)
    assert readability_index([]) == 0.0


def test_the_report_counts_documents_sources_and_years(corpus: Corpus) -> None:
    report = corpus_report(corpus)
    assert "| documents | 1 | 1 |" in report
    assert "| sentences | 2 | 1 |" in report
    assert "| sources (addresses) | 2 | 1 |" in report
    assert "rest on 2 sources of 2 publishers" in report
    assert "| society | 2 | 2 | 1 | 1 |" in report
    assert "1 of 2 sources (50%) were seen through a copy" in report
    assert "| CNNIC | 2 |" in report


def test_the_plot_is_written(corpus: Corpus, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_corpus(corpus, tmp_path / "corpus.png")
    assert (tmp_path / "corpus.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_plot_names_the_extra(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"china-ai-qa\[eval\]"):
        plot_corpus(corpus, tmp_path / "corpus.png")


def test_a_document_without_facts_is_reported_too() -> None:
    plain = Document(id="a", title="A", language="en", topic="policy", as_of="2025-01-01", text="Nothing.\n")
    assert "| documents | 1 | 0 |" in corpus_report(Corpus(Path(), (plain,), Glossary(())))
