"""Text and questions of any kind: nothing but the errors that are meant, and every offset right."""

import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qa.answering.analysis import analyse
from qa.answering.followups import standalone
from qa.answering.question import check_question
from qa.chunking import chunk
from qa.documents import Document, Section, parse_markdown
from qa.documents.readers.builder import TextBuilder, clean, iso_date
from qa.documents.readers.encodings import decode
from qa.documents.readers.extracted import ReadLimits
from qa.errors import BadQuestion, CorpusError, UnreadableFile
from qa.retrieval.query import QueryReader
from qa.text.glossary import Entry, Glossary
from qa.text.sentences import sentence_spans

ANY = st.text(max_size=60)
MARKS = st.sampled_from(
    ["---\n", "title: ", "as_of: 2024-01-01\n", "id: a\n", "[^1]", "[^1]: ", "# ", "```\n", "| a | b |\n", "- ", "1. ", "\n\n", "\n", ". ", "。",
     "...", "Dr. ", "U.S. ", "“", "”", "\t", "\u2028", "\ufeff", "\0", "😀", "e\u0301", "中国", "AI", "&", "!!!", "{", "}", ": ", '"', "\\",
     "x" * 300, "\u202e", "\ud7ff"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(ANY, MARKS), max_size=25).map("".join)
GLOSSARY = Glossary(
    [Entry("DeepSeek", "深度求索", (), "company"), Entry("Qwen", "通义千问", ("Tongyi",), "model"), Entry("AI", "人工智能", (), "term")]
)
QUERIES = QueryReader(GLOSSARY)
WORDS = st.sampled_from(
    ["how many", "who", "DeepSeek", "Qwen", "通义千问", "多少", "and", "versus", "before", "2023",
     "截至2025年底", "latest", "it", "And?", "the year before", "它", "呢？", "$5 billion"]
)  # fmt: skip
QUESTIONS = st.lists(st.one_of(WORDS, MARKS, ANY), max_size=12).map(" ".join)


@given(TEXTS)
def test_sentences_hold_every_character_once(text):
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        assert text[start:end].strip() == text[start:end]
        position = end
    assert not text[position:].strip()


@given(TEXTS, st.lists(st.integers(0, 900), max_size=4), st.integers(1, 60))
def test_passages_slice_their_document_exactly(text, cuts, max_tokens):
    edges = [0, *sorted({min(c, len(text)) for c in cuts}), len(text)]
    sections = tuple(Section(heading="", start=a, end=b) for a, b in pairwise(edges))
    document = Document(id="d", title="T", language="en", topic="", as_of="", text=text, sections=sections)
    last = 0
    for passage in chunk(document, lambda texts: [len(t) // 4 + 1 for t in texts], max_tokens):
        assert last <= passage.start < passage.end
        last = passage.end
        assert passage.id == f"d:{passage.start}"
        assert not text[passage.start].isspace()
        assert not text[passage.end - 1].isspace()


@given(TEXTS, st.booleans())
@example("0\n# ", True)  # an empty last heading
def test_a_corpus_file_is_read_or_its_line_named(text, with_front):
    front = "---\nid: a\ntitle: T\nlanguage: en\ntopic: chips\nentities: []\nas_of: 2024-01-01\ntranslation_of: null\n---\n"
    message = ""
    try:
        document = parse_markdown(front + text if with_front else text, "en/a.md")
    except CorpusError as error:
        message = str(error)
    if message:
        assert re.match(r"en/a\.md:\d+: ", message)
        return
    for section in document.sections:
        assert 0 <= section.start <= section.end <= len(document.text)
    assert all(0 <= r.offset <= len(document.text) and 0 <= r.source < len(document.sources) for r in document.references)


@given(QUESTIONS)
def test_a_question_is_understood_or_refused(text):
    try:
        question = check_question(text, 2_000)
    except BadQuestion:
        return
    assert question == check_question(question, 2_000)
    assert question.isprintable() or not question.isascii()
    analysis = analyse(QUERIES.read(question))
    assert analysis.query.text
    assert standalone(question, ["What is DeepSeek?"], GLOSSARY)


@given(st.lists(st.tuples(st.sampled_from(["heading", "block", "line", "gap", "section", "page"]), TEXTS), max_size=15))
def test_a_built_text_has_sections_and_pages_that_nest(steps):
    builder = TextBuilder(ReadLimits())
    for number, (name, text) in enumerate(steps, start=1):
        if name == "page":
            builder.page(number)
        elif name == "gap":
            builder.gap()
        else:
            getattr(builder, name)(text)
    try:
        found = builder.extracted("text/plain")
    except UnreadableFile:
        return
    assert clean(found.text) == found.text
    ends = [0]
    for section in found.sections:
        assert ends[-1] <= section.start < section.end <= len(found.text)
        ends.append(section.end)
        assert all(p.end <= section.start or section.end <= p.start or p.start <= section.start <= section.end <= p.end for p in found.pages)


@given(TEXTS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_unicode_files_come_back_as_they_were(text, encoding):
    try:
        meant = text.removeprefix("\ufeff") if encoding == "utf-8" else text  # there it is the byte order mark
        assert decode(text.encode(encoding, "surrogatepass"))[0] == meant or "\0" in text
    except UnreadableFile:
        assert re.search("[\0-\x1f]", text)


@given(st.binary(max_size=200))
def test_bytes_are_text_or_refused(data):
    try:
        text, name = decode(data)
    except UnreadableFile:
        return
    assert isinstance(text, str)
    assert name


@given(st.one_of(ANY, st.dates(), st.datetimes(), st.integers(), st.none()))
def test_dates_are_iso_or_nothing(value):
    assert re.fullmatch(r"|\d{4}-\d\d-\d\d", iso_date(value))


LONG_RUNS = (
    "." * 60_000 + "x", "?!" * 30_000, ". " * 30_000, "a." * 30_000, " " * 60_000, "\n" * 60_000, "# " * 30_000, '."' * 30_000, "- \n" * 20_000,
    "e.g. " * 12_000, "[[" * 30_000, "**" * 30_000, "```\n" * 15_000,
)  # fmt: skip


@pytest.mark.parametrize("text", LONG_RUNS, ids=lambda text: repr(text[:4]))
def test_long_runs_take_no_time(text):
    start = time.monotonic()
    document = Document(id="d", title="T", language="en", topic="", as_of="", text=text, sections=(Section(heading="", start=0, end=len(text)),))
    chunk(document, lambda texts: [len(t) // 4 + 1 for t in texts])
    assert time.monotonic() - start < 5
