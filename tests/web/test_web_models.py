"""A language model and research in the page, on the sample corpus and a server that speaks the chat protocol."""

from __future__ import annotations

import asyncio
import json
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from llm_server import Fails, Says, Server
from samples import HashEmbedder
from web.scripted import ask

from qa.assistant import Assistant
from qa.errors import SettingsError
from qa.index import Snapshot
from qa.research.collect import Collector
from qa.settings import Provider, load_settings
from qa.web.engine import Engine
from qa.web.export import export
from qa.web.handlers import Handlers
from qa.web.models import offers
from qa.web.store import Store

COST = "How much did the last training stage of R1 cost?"
TRUE = "The last training stage of R1 cost USD 294,000"
RESEARCH = "What has DeepSeek achieved and what did R1 cost?"
browser_test = pytest.mark.browser


@pytest.fixture(scope="module")
def model():
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def provided(model, shared_corpus, shared_index):
    """Settings with a local model that needs a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_MODEL_KEY", "secret-of-the-test")
        provider = Provider(base_url=model.url, key_env="TEST_MODEL_KEY", timeout_s=5, retries=0)
        yield load_settings(corpus=shared_corpus, index=shared_index, llm={"test": provider})


@pytest.fixture(scope="module")
def real(provided, start_server, tmp_path_factory):
    """The address of a page with a real assistant and a model."""

    def opener(*, settings, progress):
        return Assistant(settings, Snapshot.load(settings.index), HashEmbedder())

    data = tmp_path_factory.mktemp("data")
    return start_server(data, own=provided, opener=opener, library=data / "library")[0]


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("TEST_MODEL_KEY", "secret-of-the-test")


@pytest.fixture
def handlers(provided, tmp_path):
    engine = Engine(provided, lambda **_: Assistant(provided, Snapshot.load(provided.index), HashEmbedder()))
    engine.start()
    return Handlers(engine, Store(tmp_path / "web.sqlite"))


def steps(handlers, each=lambda step: None, **sent):
    async def collect():
        told = []
        async for step in handlers.ask({"request": "r", **sent}, "owner"):
            told.append(step)
            each(step)
        return told

    return asyncio.run(collect())


def choose(page, name="test"):
    page.wait_for_selector("#q-models:not([hidden])")
    page.select_option("#q-model", name)


# What is offered


def test_models_are_offered_where_they_are_configured_and_only_to_this_machines_user(monkeypatch, provided):
    assert [(o.name, o.host) for o in offers(provided)] == [("test", "")]
    monkeypatch.delenv("TEST_MODEL_KEY")
    assert offers(provided) == ()
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    assert [(o.name, o.host) for o in offers(load_settings())] == [("deepseek", "api.deepseek.com")]
    for other in ({"host": "0.0.0.0"}, {"auth": Path("users")}, {"allowed_hosts": ("qa.example",)}):
        assert offers(load_settings(**other)) == ()
        assert [o.name for o in offers(load_settings(page_llm=("deepseek",), **other))] == ["deepseek"]
    with pytest.raises(SettingsError, match="no language model"):
        offers(load_settings(page_llm=("nobody",)))


def test_the_key_never_reaches_the_browser(handlers, model):
    model.says(lambda asked: f"{TRUE} {asked.cite('294,000')}.")
    told = json.dumps([handlers.start(), steps(handlers, question=COST, llm="test")])
    assert "secret-of-the-test" not in told
    assert model.asked[0].headers["authorization"] == "Bearer secret-of-the-test"


def test_only_an_offered_model_can_be_named(handlers, model):
    model.says("never")
    last = steps(handlers, question=COST, llm="ollama:other")[-1]
    assert (last["phase"], last["problem"]) == ("failed", "BadQuestion")
    assert model.asked == []


def test_serving_with_a_model_that_cannot_be_used_says_why(run, hash_model, monkeypatch):
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    for name, words in (("nobody", "no language model is called 'nobody'"), ("deepseek", "deepseek needs a key")):
        code, _, err = run("serve", "--llm", name)
        assert code == 1
        assert words in err


# Answers that a model writes


def test_evidence_comes_first_then_the_draft_then_the_checked_answer(handlers, model):
    model.says(Says(lambda asked: f"{TRUE} {asked.cite('294,000')}. It rained in Lisbon.", reasoning="hidden thought " * 9, pause_s=0.02))
    told = steps(handlers, question=COST, llm="test")
    phases = list(dict.fromkeys(step["phase"] for step in told if step["phase"] != "loading"))
    assert phases == ["searching", "found", "thinking", "writing", "done"]
    found = next(step for step in told if step["phase"] == "found")
    assert [one["number"] for one in found["evidence"]] == list(range(1, len(found["evidence"]) + 1))
    assert all(one["sources"] for one in found["evidence"])
    drafts = [step["text"] for step in told if step["phase"] == "writing"]
    assert all(later.startswith(earlier) for earlier, later in pairwise(drafts))
    turn = told[-1]["turn"]
    assert [s["support"] for s in turn["sentences"]] == ["supported", "unsupported"]
    assert turn["usage"]["completion_tokens"] > 0
    assert "hidden thought" not in json.dumps(told)
    assert handlers.store.turns("owner", turn["conversation"])[0]["mode"] == "llm:test:test-model"
    assert "(not supported)" in export([turn], "markdown")


def test_a_model_that_breaks_off_leaves_the_quoted_answer_and_a_note(handlers, model):
    model.says(Says(f"{TRUE} [1]. " * 9, breaks="drop"))
    turn = steps(handlers, question=COST, llm="test")[-1]["turn"]
    assert turn["mode"] == "extractive"
    assert turn["sentences"][0]["support"] == "supported"
    assert "gave no answer" in turn["notes"][0]
    assert f"> {turn['notes'][0][:20]}" in export([turn], "markdown")


def test_stopping_closes_the_connection_and_keeps_nothing(handlers, model):
    model.says(Says("word " * 400, pause_s=0.02))

    async def first_words():
        asking = handlers.ask({"request": "r", "question": COST, "llm": "test"}, "owner")
        async for step in asking:
            if step["phase"] == "writing":
                break
        await asking.aclose()

    asyncio.run(first_words())
    assert handlers.store.conversations("owner") == []
    assert handlers._stops == {}


# Research


def test_research_tells_its_progress_and_is_kept_as_a_file(handlers):
    told = steps(handlers, question=RESEARCH, research=True)
    progress = [step["progress"] for step in told if step["phase"] == "research"]
    assert [p["number"] for p in progress] == sorted(p["number"] for p in progress)
    assert progress[-1]["writing"]
    assert progress[-1]["number"] == len(progress[-1]["questions"])
    turn = told[-1]["turn"]
    assert "whole" not in turn
    cited = {c["number"] for c in turn["citations"]}
    assert {n for part in turn["brief"]["sections"] for s in part["sentences"] for n in s["citations"]} <= cited
    assert "whole" not in handlers.conversation({"id": turn["conversation"]}, "owner")["turns"][0]
    sent = {"conversation": turn["conversation"], "turn": turn["id"]}
    assert handlers.brief({**sent, "form": "markdown"}, "owner")["text"].startswith("# What has DeepSeek achieved")
    assert "<!doctype html>" in handlers.brief({**sent, "form": "html"}, "owner")["text"]
    assert "## What has DeepSeek achieved" in export(handlers.store.turns("owner", turn["conversation"]), "markdown")
    with pytest.raises(Exception, match="not kept"):
        handlers.brief({**sent, "form": "html"}, "somebody else")


def test_research_that_is_stopped_keeps_what_it_found(handlers, monkeypatch):
    asked, stopped, search = [], threading.Event(), Collector.ask

    def held(self, task, number):
        search(self, task, number)
        asked.append(task.question)
        if len(asked) == 2:
            assert stopped.wait(10)

    def stop(step):
        if step["phase"] == "research" and step["progress"]["number"] == 2:
            assert not handlers.stop({"request": "r"}, "somebody else")
            assert handlers.stop({"request": "r"}, "owner")
            stopped.set()

    monkeypatch.setattr(Collector, "ask", held)
    turn = steps(handlers, stop, question=RESEARCH, research=True)[-1]["turn"]
    assert turn["brief"]["stopped"]
    assert [one["question"] for one in turn["brief"]["asked"]] == asked
    assert len(asked) == 2
    assert turn["citations"]


# In a browser; last, since asyncio.run fails while it runs


@browser_test
def test_a_written_answer_in_the_browser(open_page, real, model):
    page = open_page(at=real)
    assert page.locator("#q-privacy").is_hidden()
    choose(page)
    assert "nothing leaves it" in page.locator("#q-privacy").text_content()
    model.says(Says(lambda asked: f"{TRUE} {asked.cite('294,000')}. It rained in Lisbon.", pause_s=0.05))
    page.fill("#q-question", COST)
    page.press("#q-question", "Enter")
    page.wait_for_selector(".q-draft-text")
    assert page.locator(".q-card").count() > 1  # the evidence is there before the answer
    page.wait_for_selector(".q-answer")
    assert page.locator(".q-draft").count() == 0
    assert "".join(page.locator(".q-answer .q-unsupported").all_text_contents()) == "It rained in Lisbon."
    assert page.locator(".q-answer .q-badge").text_content() == "not supported"
    assert "Written by test:test-model" in page.locator(".q-notes").text_content()
    assert "tokens" in page.locator(".q-steps summary").text_content()
    page.click(".q-answer .q-cite >> nth=0")
    assert "294,000" in page.locator(".q-card.is-active mark").text_content()
    page.reload()
    page.wait_for_selector(".q-unsupported")
    assert page.input_value("#q-model") == "test"  # remembered
    model.says(Fails(401, "bad key"))
    turn = ask(page, COST)
    assert "294,000" in turn.locator(".q-answer").text_content()  # the quoted answer
    assert "gave no answer" in turn.locator(".q-notes").text_content()
    page.select_option("#q-model", "")
    model.says("never asked")
    assert ask(page, COST).locator(".q-notes").count() == 0
    assert model.asked == []


@browser_test
def test_a_draft_can_be_stopped_and_a_link_never_asks_a_model(open_page, real, model):
    page = open_page(at=real)
    choose(page)
    model.says(Says("<img src=x onerror='window.hacked=1'> " * 200, pause_s=0.02))
    page.fill("#q-question", COST)
    page.press("#q-question", "Enter")
    page.wait_for_selector(".q-draft-text")
    page.click("#q-stop")
    assert page.locator(".q-problem").text_content() == "Stopped."
    assert page.locator(".q-draft").count() == 0
    assert page.evaluate("window.hacked") is None
    model.says("never asked")
    page.goto(real + "/?q=" + COST.replace(" ", "+"))
    page.wait_for_selector(".q-answer")
    assert model.asked == []


@browser_test
def test_a_brief_in_the_browser(open_page, real, serious):
    page = open_page(at=real)
    page.click("#q-research")
    assert page.locator("#q-send").text_content() == "Research"
    turn = ask(page, RESEARCH)
    assert page.get_attribute("#q-research", "aria-pressed") == "false"
    assert turn.locator(".q-brief-part").count() >= 3
    assert turn.locator(".q-figures tbody tr").count() >= 1
    turn.locator(".is-section .q-cite").first.click()
    assert page.locator(".q-card.is-active mark").count() == 1
    for form, beginning in (("markdown", "# What"), ("html", "<!doctype html>")):
        with page.expect_download() as download:
            turn.locator(f"[data-form={form}]").click()
        assert Path(download.value.path()).read_text(encoding="utf-8").startswith(beginning)
    page.reload()
    page.wait_for_selector(".q-brief-part")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.click("#q-language")
    assert page.locator(".q-downloads").text_content().startswith("下载")
    assert serious(page) == {}
