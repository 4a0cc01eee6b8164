"""What stands behind the page, without a browser."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time

import pytest
from web.scripted import SLOW_S, ScriptedAssistant

from qa.answering.answer import Answer, Citation, Comparison, Sentence, Side
from qa.errors import CorpusError, SettingsError
from qa.retrieval.filters import Filters
from qa.settings import Settings
from qa.web.engine import AT_ONCE, WAITING, Busy, Engine
from qa.web.explore import Timeline
from qa.web.export import export
from qa.web.figures import development
from qa.web.handlers import Handlers
from qa.web.reasons import reason
from qa.web.server import listen
from qa.web.store import Store
from qa.web.suggest import examples
from qa.web.views import comparison_view, document_view, segments, source_view, turn_view


@pytest.fixture
def assistant(settings):
    return ScriptedAssistant(settings)


@pytest.fixture
def turn(assistant):
    return turn_view(assistant, assistant.ask("How did users develop?"), Filters())


def made(kind, *texts, question="?"):
    """Make an answer of sentences, each citing itself."""
    citations = tuple(
        Citation(
            number=n, quote=t, document_id="d", title="T", section="", start=0, end=len(t), as_of="2025", sources=(), score=1.0
        )
        for n, t in enumerate(texts, 1)
    )
    return Answer(
        question=question, standalone_question=question, text=" ".join(texts), citations=citations, hits=(), abstained=False,
        sentences=tuple(Sentence(text=t, citations=(n,), support="supported") for n, t in enumerate(texts, 1)),
        missing=(), conflicts=(), confidence=1.0, language="en", mode="extractive", kind=kind, timings_ms={},
    )  # fmt: skip


def test_segments_cut_by_characters_not_code_units():
    assert segments("🎉 5 b", [(2, 3)], "figure") == [("🎉 ", ""), ("5", "figure"), (" b", "")]
    assert segments("abc", [(0, 2), (1, 3), (2, 9)], "x") == [("ab", "x"), ("c", "")]


def test_turn_view_is_json_and_marks_the_quote(turn):
    assert json.loads(json.dumps(turn))["citations"]
    for citation in turn["citations"]:
        assert [text for text, kind in citation["passage"] if kind == "quote"] == [citation["quote"]]
    assert turn["sentences"][0]["segments"][1] == ("249 million", "figure")


def test_a_link_is_http_or_nothing(assistant):
    source = assistant.document("users").sources[0]
    assert source_view(source)["url"].startswith("https://")
    assert source_view(source.model_copy(update={"url": "javascript:alert(1)"}))["url"] == ""


def test_document_view_holds_the_whole_text_with_its_quote(assistant):
    document = assistant.document("users")
    start, end = document.sentences[1]
    view = document_view(document, start, end)
    paragraph = view["sections"][0]["paragraphs"][0]
    assert (
        "".join(t for t, kind in paragraph if not kind.startswith("source"))
        == document.text[document.sections[0].start :].strip()
    )
    assert [t for t, kind in paragraph if kind == "quote"] == [document.text[start:end]]
    assert [kind for _, kind in paragraph if kind.startswith("source")] == ["source:1", "source:1", "source:2"]


def test_development_needs_three_dates_of_one_measure():
    levels = ("In 2023 it had 1,000 users.", "In 2024 it had 2,000 users.", "The users numbered 4,000 in 2025.")
    chart = development(made("change", *levels))
    assert [(p["date"], p["value"], p["citation"]) for p in chart["points"]] == [
        ("2023", 1000, 1),
        ("2024", 2000, 2),
        ("2025", 4000, 3),
    ]
    assert development(made("change", *levels[:2], "In 2025 it gained 2,000 users.")) is None
    assert development(made("change", *levels[:2], "In 2025 40% were happy.")) is None


def test_a_comparison_shows_both_sides_and_the_line_computed_from_them():
    sides = (Side(name="US", value="USD 9 billion", date="2024", citation=2), Side(name="China", value="USD 3 billion", date="2024", citation=5))
    made = Comparison(sides=sides, difference=6e9, computed="Computed from [1] and [2]: a difference of 6 billion US dollars.")
    view = comparison_view(made)
    assert [(row["side"], row["figure"], row["citation"]) for row in view["rows"]] == [("US", "USD 9 billion", 2), ("China", "USD 3 billion", 5)]
    assert [text for text, kind in view["computed"] if kind] == ["[2]", "[5]"]  # as the sides cite, whatever was cited before
    assert comparison_view(None) is None


def test_exports_say_what_the_page_says(assistant):
    compared = turn_view(assistant, assistant.ask("Compare 2024 and 2025"), Filters())
    markdown = export([compared], "markdown")
    assert "(older figure, see [3])" in markdown
    assert "- 2024: 249 million (2024-12) [1]" in markdown
    assert "- Computed from [1] and [3]: a difference of 353 million (2.4 times)." in markdown
    assert json.loads(export([compared], "json"))[0]["sentences"][0]["superseded_by"] == 3
    told = turn_view(assistant, assistant.ask("Do sources disagree?"), Filters())
    assert "- 602 million (2025-12, newer) [1]" in export([told], "markdown")
    written = {**told, "mode": "llm:test:m", "notes": ["It *failed*."], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    markdown = export([written], "markdown")
    assert "*Written by test:m (7 tokens read, 3 written)*" in markdown
    assert "> It \\*failed\\*." in markdown
    assert "旧数据，见[3]" in export([{**compared, "language": "zh"}], "markdown")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a.pdf holds pictures of pages and no text; run OCR on it", "scanned"),
        ("a.pdf is encrypted; save it without a password", "encrypted"),
        ("a.epub is protected (DRM); add a copy without protection", "protected"),
        ("a.docx is empty; add a file that holds text", "empty"),
        ("a.zip is an archive; unpack it and add the files in it", "archive"),
        ("a.xyz has the suffix .xyz, which is not read; supported are PDF", "format"),
        ("a.csv has more than 200,000 rows; split it into smaller files", "large"),
        ("a.txt is a file that nobody thought of", ""),
    ],
)
def test_common_refusals_have_a_word(message, expected):
    assert reason(message) == expected


def test_export_escapes_what_would_be_markup(assistant):
    turn = turn_view(assistant, assistant.ask("hostile <b>"), Filters())
    markdown = export([turn], "markdown")
    assert re.search(r"(?<!\\)<script", markdown) is None
    assert "](" not in markdown.replace("\\]\\(", "")
    bibtex = export([turn], "bibtex")
    assert bibtex.startswith("@online{")
    assert "_" not in bibtex.replace("\\_", "")
    assert json.loads(export([turn], "json"))[0]["question"] == "hostile <b>"
    with pytest.raises(ValueError, match="unknown export form"):
        export([turn], "pdf")


def test_store_keeps_owners_apart_and_forgets_on_request(tmp_path, turn):
    store = Store(tmp_path / "deep" / "web.sqlite")
    number = store.add_turn("anna", "", turn)
    second = store.add_turn("anna", number, {**turn, "id": "second"})
    assert second == number
    assert store.turns("berta", number) == []
    store.rename("berta", number, "stolen")
    store.rename("anna", number, "  Users \n of AI ")
    store.vote("anna", turn, -1, "wrong")
    assert store.conversations("anna")[0]["title"] == "Users of AI"
    assert store.votes("anna", number) == {turn["id"]: -1}
    store.cut("anna", number, "second")
    again = Store(tmp_path / "deep" / "web.sqlite")
    assert [t["id"] for t in again.turns("anna", number)] == [turn["id"]]
    again.delete("berta", number)
    assert again.conversations("anna")
    again.delete("anna", number)
    assert (again.conversations("anna"), again.turns("anna", number), again.votes("anna", number)) == ([], [], {})


def test_engine_reports_a_failure_in_its_own_words(settings):
    def fail(**_):
        raise CorpusError("en/x.md:3: broken")

    engine = Engine(settings, fail)
    engine.start()
    last = asyncio.run(_last(engine.ready(0.01)))
    assert (last.state, last.error) == ("failed", "en/x.md:3: broken")


async def _last(statuses):
    async for status in statuses:  # noqa: B007
        pass
    return status


def test_twenty_are_served_at_once_and_a_crowd_is_told_kindly(settings, tmp_path):
    engine = Engine(settings, lambda **_: ScriptedAssistant(settings))
    handlers = Handlers(engine, Store(tmp_path / "web.sqlite"))
    engine.start()

    async def one(n):
        return [step async for step in handlers.ask({"request": n, "question": f"slow {n}"}, "nobody")][-1]

    async def crowd(size):
        return await asyncio.gather(*(one(n) for n in range(size)))

    began = time.perf_counter()
    steps = asyncio.run(crowd(AT_ONCE))
    assert {s["phase"] for s in steps} == {"done"}
    assert time.perf_counter() - began < SLOW_S * AT_ONCE / 2  # one after another they would take twice that

    async def full():
        held = []
        for _ in range(AT_ONCE + WAITING):
            slot = engine.slot()
            held.append(asyncio.ensure_future(slot.__aenter__()))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await engine.slot().__aenter__()
        assert (await one(0))["phase"] == "busy"
        for task in held:
            task.cancel()

    engine._slots = asyncio.Semaphore(AT_ONCE)
    asyncio.run(full())


def test_a_bad_scope_is_refused_and_a_failure_named(settings, tmp_path):
    engine = Engine(settings, lambda **_: ScriptedAssistant(settings))
    handlers = Handlers(engine, Store(tmp_path / "web.sqlite"))
    engine.start()

    def last(**sent):
        return asyncio.run(_last(handlers.ask(sent, "nobody")))

    assert last(question="users", scope={"since": "soon"})["problem"] == "BadQuestion"
    assert last(question="users", scope={"planet": "Mars"})["problem"] == "BadQuestion"
    assert last(question="crash")["problem"] == "unexpected"


def test_timeline_filters_by_every_form_of_a_name(assistant):
    timeline = Timeline()
    assert timeline.page(assistant, {})["total"] == 5
    assert timeline.page(assistant, {"name": "DeepSeek"})["items"][0]["date"] == "2023"
    assert timeline.page(assistant, {"since": "2025-06", "until": "2025", "topic": "market"})["total"] == 2
    assert timeline.page(assistant, {"since": "nonsense", "language": "zh"})["total"] == 1


def test_examples_cover_every_topic_in_both_languages():
    from qa.documents.model import TOPICS

    assert {e.topic for e in examples()} == set(TOPICS)
    assert {(e.topic, e.language) for e in examples()} == {(t, lang) for t in TOPICS for lang in ("en", "zh")}


def test_the_next_free_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listener = listen("127.0.0.1", port)
        assert listener.getsockname()[1] > port
        listener.close()
    with pytest.raises(SettingsError, match="not an address"):
        listen("no such host", 80)


def test_headers_health_and_cookie(settings, tmp_path, monkeypatch):
    from fastapi.testclient import TestClient

    from qa.web import create_app

    monkeypatch.setenv("QA_DATA", str(tmp_path))
    client = TestClient(create_app(Settings(index=tmp_path / "index")), base_url="http://127.0.0.1")  # never entered, so nothing is loaded
    page = client.get("/")
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "HttpOnly" in page.headers["set-cookie"]
    assert "set-cookie" not in client.get("/").headers
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 503
    assert client.get("/page/main.js").status_code == 200
    assert client.get("/page/../store.py").status_code == 404
