import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import DOCUMENTS, markdown, valid_document

from qa.documents import parse_markdown
from qa.errors import CorpusError


def test_reads_front_matter_sections_text_and_sources():
    document = parse_markdown(markdown("deepseek-r1"), "en/deepseek-r1.md")
    assert (document.id, document.language, document.topic, document.as_of) == ("deepseek-r1", "en", "models", "2025-09-17")
    assert [s.heading for s in document.sections] == ["The company", "The model"]
    assert document.entities == ("DeepSeek",)
    assert document.translation_of is None
    assert [document.text[a:b] for a, b in document.sentences] == [
        "DeepSeek was founded in Hangzhou in July 2023 by Liang Wenfeng.",
        "Liang Wenfeng also runs the hedge fund High-Flyer.",
        "DeepSeek released the reasoning model R1 on 20 January 2025 under the MIT licence.",
        "The last training stage of R1 cost DeepSeek USD 294,000, according to Nature.",
    ]
    (source,) = document.sources
    assert (source.publisher, source.date, source.url) == ("Example Press", "2025-09-17", "https://example.org/deepseek-r1")


def test_footnote_marks_and_definitions_leave_the_text():
    for document_id in DOCUMENTS:
        assert "[^" not in parse_markdown(markdown(document_id), "x").text


def two_sources(body: str) -> str:
    front, _, _ = markdown("deepseek-r1").partition("## The company")
    return (
        f"{front}{body}\n\n"
        '[^one]: First Press, "One", 2025-01-01. https://one.example.org/a\n'
        '[^two]: Second Press, "Two", n.d. https://two.example.org/b\n'
    )


def test_each_sentence_has_its_own_sources():
    document = parse_markdown(two_sources("## H\nAlpha came first.[^one] Beta came second.[^two] Gamma has both.[^one][^two]"), "x")
    assert [[s.title for s in document.sources_of(a, b)] for a, b in document.sentences] == [["One"], ["Two"], ["One", "Two"]]


def test_a_mark_before_the_full_stop_belongs_to_its_sentence():
    document = parse_markdown(two_sources("## H\nAlpha came first[^one]. Beta came second[^two]."), "x")
    assert [[s.title for s in document.sources_of(a, b)] for a, b in document.sentences] == [["One"], ["Two"]]


def test_part_of_a_sentence_has_the_sources_of_the_whole():
    document = parse_markdown(two_sources("## H\nAlpha came first, and Beta followed.[^one]"), "x")
    ((start, _),) = document.sentences
    assert [s.title for s in document.sources_of(start, start + 5)] == ["One"]


def test_section_at_finds_the_section_of_a_character():
    document = parse_markdown(markdown("deepseek-r1"), "x")
    assert document.section_at(document.text.index("MIT")).heading == "The model"
    assert document.section_at(len(document.text) + 5) is None


@pytest.mark.parametrize("change", [lambda s: s.replace("\n", "\r\n"), lambda s: "\ufeff" + s, lambda s: s.replace("\n", "\r")])
def test_line_ends_and_byte_order_mark_do_not_matter(change):
    raw = markdown("manus-agent")
    assert parse_markdown(change(raw), "x") == parse_markdown(raw, "x")


def test_the_digest_changes_with_every_part():
    raw = markdown("qwq-32b")
    first = parse_markdown(raw, "x").digest
    assert parse_markdown(raw, "another name").digest == first
    for old, new in (("6 March", "7 March"), ("topic: models", "topic: agents"), ("Example Press", "Sample Press"), ("## Release", "## Launch")):
        assert parse_markdown(raw.replace(old, new), "x").digest != first


GOOD = valid_document()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("---\nid", "id", r"^en/x\.md:1: no front matter"),
        ("topic: chips\n", "", r"^en/x\.md:1: front matter lacks topic"),
        ("topic: chips", "topic: dragons", r"^en/x\.md:1: unknown topic 'dragons'"),
        ("topic: chips", "topic: chips\nflavour: sweet", r"^en/x\.md:1: unknown front matter flavour"),
        ("as_of: 2025-03-01", "as_of: spring", r"^en/x\.md:1: as_of must be a date"),
        ("as_of: 2025-03-01", "as_of: 2025-02-30", r"^en/x\.md:1: front matter cannot be read: day is out of range"),
        ("as_of: 2025-03-01", "as_of: 2025-03-01 10:00:00", r"^en/x\.md:1: as_of must be a date"),
        ("entities: []", "entities: 5", r"^en/x\.md:1: entities must be a list"),
        ("entities: []", "entities: DeepSeek", r"^en/x\.md:1: entities must be a list"),
        ("language: en", "language: fr", r"^en/x\.md:1: front matter field language"),
        ("title: A good document", "title: Bad: document", r"^en/x\.md:\d+: front matter cannot be read"),
        ("title: A good document", "title: [A, B", r"^en/x\.md:\d+: front matter cannot be read"),
        ("id: good", "id: null", r"^en/x\.md:1: front matter field id"),
        ("[^s] Harbour", "[^t] Harbour", r"^en/x\.md:\d+: footnote 't' is used but not defined"),
        (", 2025-03-01. https", ", March. https", r"^en/x\.md:\d+: footnote 's' must read"),
        ("Example Press, ", "", r"^en/x\.md:\d+: footnote 's' must read"),
        ('"Machines"', "Machines", r"^en/x\.md:\d+: footnote 's' must read"),
        (" https://example.org/machines", "", r"^en/x\.md:\d+: footnote 's' has no URL"),
        ("https://example.org/machines", "example.org/machines", r"^en/x\.md:\d+: footnote 's' has a malformed URL"),
        ("[^s]: ", '[^s]: Other, "Other", 2024. https://o.example.org\n[^s]: ', r"^en/x\.md:\d+: footnote 's' is defined twice"),
    ],
)
def test_a_broken_file_is_refused_with_file_and_line(old, new, message):
    assert old in GOOD
    with pytest.raises(CorpusError, match=message):
        parse_markdown(GOOD.replace(old, new, 1), "en/x.md")


@pytest.mark.parametrize("raw", ["", "just text", "---\n---\n", "---\n- a\n- b\n---\ntext", GOOD.split("## ")[0]])
def test_a_file_without_front_matter_or_text_is_refused(raw):
    with pytest.raises(CorpusError, match=r"^en/x\.md:\d+: "):
        parse_markdown(raw, "en/x.md")


def test_only_the_founding_document_may_lack_an_address():
    raw = GOOD.replace("Example Press, ", "supplied by the project's user, ").replace(" https://example.org/machines", "")
    assert parse_markdown(raw, "x").sources[0].url == ""


HEAD = GOOD.split("## ")[0]


@given(st.text(alphabet=st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from("# \n.[^s]:中。")), max_size=120))
def test_any_body_is_read_or_refused_and_sections_hold_the_text(body):
    raw = f'{HEAD}{body}\n\n[^s]: Example Press, "T", 2025. https://example.org/t\n'
    try:
        document = parse_markdown(raw, "x")
    except CorpusError:
        return
    position = 0
    for section in document.sections:
        assert position <= section.start <= section.end <= len(document.text)
        position = section.end
    for reference in document.references:
        assert 0 <= reference.offset <= len(document.text)
    for start, end in document.sentences:
        assert document.text[start:end].strip() == document.text[start:end] != ""
