"""The HTTP interface, used as a program uses it: real requests, real errors, real limits."""

import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from llm_server import Server
from samples import CASES, HashEmbedder, open_hash

from qa.answering.answer import Answer
from qa.api.app import OPENAPI, Interface, alone, api_app, beside, check_api_exposure, serves_beside
from qa.api.stream import event_stream
from qa.api.tokens import Tokens, add_token, read_tokens
from qa.assistant import Assistant
from qa.documents.model import Document
from qa.errors import QAError, SettingsError
from qa.index import Snapshot
from qa.research import Brief
from qa.settings import Provider, load_settings
from qa.web.engine import Engine

ASK = {"question": CASES[0][0]}
TOKEN = "a-token-that-is-long-enough-0123456789"


def interface(assistant, **values) -> Interface:
    settings = load_settings(corpus=assistant.settings.corpus, index=assistant.settings.index, **values)
    return Interface(settings, Engine(settings, opener=lambda settings, progress: assistant))


@asynccontextmanager
async def connected(served: Interface, base: str = "http://127.0.0.1:7870", **options):
    transport = httpx.ASGITransport(app=alone(served), raise_app_exceptions=False)
    async with served.lifespan(), httpx.AsyncClient(transport=transport, base_url=base, **options) as client:
        async for _ in served.engine.ready(0.01):
            pass
        yield client


def call(served: Interface, *requests, **options) -> list[httpx.Response]:
    """Send requests, one after another, and return the responses."""

    async def send():
        async with connected(served, **options) as client:
            return [await client.request(method, path, **more) for method, path, more in requests]

    return asyncio.run(send())


def is_problem(response, status, *parts):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], set(body)) == (status, {"type", "title", "status", "detail"})
    assert "Traceback" not in body["detail"]
    for part in parts:
        assert part in body["detail"]


def test_ask_returns_the_answer_of_the_assistant_with_exact_quotes(assistant):
    (response,) = call(interface(assistant), ("POST", "/api/v1/ask", {"json": ASK}))
    assert response.status_code == 200
    answer = Answer.model_validate(response.json())
    own = assistant.ask(CASES[0][0])
    assert (answer.text, answer.citations) == (own.text, own.citations)
    assert response.headers["cache-control"] == "no-store"


def test_history_and_scope_are_taken(assistant):
    follow = {"question": "And Tencent?", "history": ["When did Alibaba release QwQ-32B?"]}
    narrow = {**ASK, "filters": {"documents": ["ernie-x1"]}}
    one, other = call(interface(assistant), ("POST", "/api/v1/ask", {"json": follow}), ("POST", "/api/v1/ask", {"json": narrow}))
    assert "Tencent" in one.json()["standalone_question"]
    assert "release" in one.json()["standalone_question"]
    assert {h["document_id"] for h in other.json()["hits"]} <= {"ernie-x1"}


def test_search_documents_and_collections(assistant):
    found, listed, part, one, groups, health = call(
        interface(assistant),
        ("POST", "/api/v1/search", {"json": {"query": "DeepSeek R1", "k": 3}}),
        ("GET", "/api/v1/documents", {}),
        ("GET", "/api/v1/documents?offset=1&limit=2", {}),
        ("GET", "/api/v1/documents/deepseek-r1", {}),
        ("GET", "/api/v1/collections", {}),
        ("GET", "/api/v1/health", {}),
    )
    assert found.json()["hits"][0]["document_id"] == "deepseek-r1"
    assert len(found.json()["hits"]) == 3
    ids = [d["id"] for d in listed.json()["documents"]]
    assert ids == sorted(ids)
    assert listed.json()["total"] == len(ids) == len(assistant.documents)
    assert [d["id"] for d in part.json()["documents"]] == ids[1:3]
    assert Document.model_validate(one.json()) == assistant.document("deepseek-r1")
    assert [c["name"] for c in groups.json()["collections"]] == ["corpus"]
    assert (health.json()["status"], health.json()["documents"]) == ("ready", len(ids))


def test_documents_of_the_user_are_read_by_their_ids(corpus, index, tmp_path, hash_model):
    path = tmp_path / "notes.txt"
    path.write_text("The panda robot of Chengdu walks at 3 metres per second, as we measured on 2 May 2025.")
    own = Assistant.open(settings=load_settings(corpus=corpus, index=index, library=tmp_path / "library"))
    (added,) = own.add([path])
    assert "/" in added.document_id
    listed, one, escaped, brief = call(
        interface(own),
        ("GET", "/api/v1/documents?collection=library", {}),
        ("GET", f"/api/v1/documents/{added.document_id}", {}),
        ("GET", f"/api/v1/documents/{added.document_id.replace('/', '%2F')}", {}),
        ("POST", "/api/v1/research", {"json": {"question": "How fast is the panda robot of Chengdu?", "filters": {"collections": ["library"]}}}),
    )
    assert [d["id"] for d in listed.json()["documents"]] == [added.document_id]
    assert one.json() == escaped.json() == own.document(added.document_id).model_dump(mode="json")
    assert {r["origin"] for r in brief.json()["references"]} == {"notes.txt"}


def test_research_returns_a_brief(assistant):
    body = {"question": "What has DeepSeek achieved?", "max_questions": 4}
    (response,) = call(interface(assistant), ("POST", "/api/v1/research", {"json": body}))
    brief = Brief.model_validate(response.json())
    assert len(brief.asked) == 4
    assert brief == assistant.research("What has DeepSeek achieved?", max_questions=4)


def events(text: str) -> list[tuple[str, dict]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_streams_send_each_step_as_an_event_and_the_whole_last(assistant):
    answer, brief = call(
        interface(assistant),
        ("POST", "/api/v1/ask/stream", {"json": ASK}),
        ("POST", "/api/v1/research/stream", {"json": {"question": "What has DeepSeek achieved?", "max_questions": 3}}),
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [name for name, _ in events(answer.text)] == ["found", "done"]
    assert events(answer.text)[-1][1]["answer"]["text"] == assistant.ask(CASES[0][0]).text
    names = [name for name, _ in events(brief.text)]
    assert (names[0], names[-1], names.count("searching")) == ("planned", "finished", 3)


def test_a_reader_who_leaves_ends_the_research(assistant):
    stopped = threading.Event()

    class Slow:
        def stream_research(self, question, stop, **more):
            try:
                for step in assistant.stream_research(question, stop=stop, **more):
                    time.sleep(0.05)
                    yield step
            finally:
                stopped.set()

    async def leave():
        more = {"filters": None, "llm": None, "max_questions": 60}
        slot = interface(assistant).engine.slot(long=True)
        steps = event_stream(lambda left: Slow().stream_research("What has DeepSeek achieved?", left, **more), slot).body_iterator
        assert (await anext(steps)).startswith("event: planned")
        await steps.aclose()

    asyncio.run(leave())
    assert stopped.wait(5)


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "part"),
    [
        ("POST", "/api/v1/ask", {"json": {"question": "  ?! "}}, 422, "no words"),
        ("POST", "/api/v1/ask", {"json": {"question": "x" * 3000}}, 422, "the limit is 2,000"),
        ("POST", "/api/v1/ask", {"json": {"question": "x?", "dragon": 1}}, 422, "dragon"),
        ("POST", "/api/v1/ask", {"json": {}}, 422, "question"),
        ("POST", "/api/v1/ask", {"content": b"{not json", "headers": {"content-type": "application/json"}}, 422, "openapi.json"),
        ("POST", "/api/v1/ask", {"json": {**ASK, "filters": {"since": "yesterday"}}}, 422, "filters.since"),
        ("POST", "/api/v1/ask", {"json": {**ASK, "llm": "deepseek"}}, 422, "lends no language model"),
        ("POST", "/api/v1/ask/stream", {"json": {"question": " ? "}}, 422, "no words"),
        ("POST", "/api/v1/search", {"json": {"query": "R1", "k": 0}}, 422, "k"),
        ("POST", "/api/v1/research", {"json": {"question": "R1?", "max_questions": 1000}}, 422, "max_questions"),
        ("GET", "/api/v1/documents/no-such", {}, 404, "no-such"),
        ("GET", "/api/v1/nothing", {}, 404, "nothing here"),
        ("GET", "/", {}, 404, "nothing here"),
        ("GET", "/api/v1/ask", {}, 405, "method"),
        ("POST", "/api/v1/ask", {"content": b"x" * 400_000}, 413, "larger"),
        ("GET", "/api/v1/health", {"headers": {"host": "evil.example"}}, 421, "name"),
        ("POST", "/api/v1/ask", {"json": ASK, "headers": {"origin": "https://evil.example"}}, 403, "another site"),
        ("GET", "/api/v1/documents", {"headers": {"sec-fetch-site": "cross-site"}}, 403, "another site"),
        ("GET", "/api/v1/documents", {"headers": {"origin": "null"}}, 403, "another site"),
    ],
)  # fmt: skip
def test_errors_are_problems_of_one_sentence(assistant, method, path, more, status, part):
    (response,) = call(interface(assistant), (method, path, more))
    is_problem(response, status, part)


def test_a_body_that_grows_without_end_is_cut_off(assistant):
    async def endless():
        for _ in range(100):
            yield b" " * 10_000

    (response,) = call(interface(assistant), ("POST", "/api/v1/ask", {"content": endless(), "headers": {"content-type": "application/json"}}))
    is_problem(response, 413, "larger")


def test_too_many_requests_are_told_when_to_come_back(assistant):
    responses = call(interface(assistant, requests_per_minute=10), *[("GET", "/api/v1/health", {})] * 8)
    assert [r.status_code for r in responses[:5]] == [200] * 5
    is_problem(responses[-1], 429, "Retry-After")
    assert int(responses[-1].headers["retry-after"]) >= 1


def test_before_the_assistant_is_open_the_answer_is_503(assistant):
    opened = threading.Event()

    def opener(settings, progress):
        opened.wait(10)
        return assistant

    settings = load_settings(corpus=assistant.settings.corpus, index=assistant.settings.index)
    served = Interface(settings, Engine(settings, opener=opener))

    async def early():
        transport = httpx.ASGITransport(app=alone(served))
        async with served.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            response, health = await client.post("/api/v1/ask", json=ASK), await client.get("/api/v1/health")
            opened.set()
            return response, health

    response, health = asyncio.run(early())
    is_problem(response, 503, "loading")
    assert response.headers["retry-after"] == "2"
    assert health.json()["status"] == "loading"


def test_an_assistant_that_cannot_be_opened_says_why(assistant):
    def opener(settings, progress):
        raise QAError("the disk is full; make room")

    settings = load_settings(corpus=assistant.settings.corpus, index=assistant.settings.index)
    health, ask = call(Interface(settings, Engine(settings, opener=opener)), ("GET", "/api/v1/health", {}), ("POST", "/api/v1/ask", {"json": ASK}))
    assert (health.json()["status"], health.json()["detail"]) == ("failed", "the disk is full; make room")
    is_problem(ask, 503, "the disk is full")


# Tokens


def test_with_tokens_nothing_but_health_is_answered_without_one(assistant):
    served = interface(assistant, api_tokens=TOKEN)
    right = {"headers": {"authorization": f"Bearer {TOKEN}"}}
    wrong = {"headers": {"authorization": f"Bearer {TOKEN}x"}}
    basic = {"headers": {"authorization": f"Basic {TOKEN}"}}
    path = "/api/v1/documents/deepseek-r1"
    none, bad, other, good, health, schema = call(
        served, ("GET", path, {}), ("GET", path, wrong), ("GET", path, basic), ("GET", path, right), ("GET", "/api/v1/health", {}),
        ("GET", "/api/v1/openapi.json", {}),
    )  # fmt: skip
    for response in (none, bad, other, schema):
        is_problem(response, 401, "Authorization: Bearer")
        assert response.headers["www-authenticate"] == "Bearer"
    assert (good.status_code, health.status_code) == (200, 200)


def test_a_file_keeps_digests_and_never_tokens(tmp_path, assistant):
    path = tmp_path / "tokens.txt"
    one, two = add_token(path, "reports"), add_token(path, "bot@example")
    text = path.read_text()
    assert one not in text
    assert two not in text
    assert path.stat().st_mode & 0o077 == 0
    tokens = Tokens(read_tokens(path))
    assert tokens.holder(f"Bearer {one}") == "reports"
    assert tokens.holder(f"bearer {two}") == "bot@example"
    assert [tokens.holder(h) for h in ("", "Bearer", "Bearer ", f"Bearer {one[:-1]}", one)] == [""] * 5
    with pytest.raises(SettingsError, match="there is a token named"):
        add_token(path, "reports")
    with pytest.raises(SettingsError, match="letters"):
        add_token(path, "a b")
    served = interface(assistant, api_token_file=path)
    (response,) = call(served, ("GET", "/api/v1/documents", {"headers": {"authorization": f"Bearer {two}"}}))
    assert response.status_code == 200


def test_what_is_no_token_file_and_what_is_no_token_are_refused(tmp_path):
    path = tmp_path / "tokens.txt"
    with pytest.raises(SettingsError, match="cannot be read"):
        read_tokens(path)
    path.write_text("# ours\n\nanna:secret\n")
    with pytest.raises(SettingsError, match=r"tokens\.txt:3"):
        read_tokens(path)
    with pytest.raises(SettingsError, match="fewer than 20"):
        Tokens.read(load_settings(api_tokens="short"))


def test_settings_never_show_a_token():
    settings = load_settings(api_tokens=f"{TOKEN}, {TOKEN}b")
    assert len(settings.api_tokens) == 2
    assert TOKEN not in repr(settings)
    assert TOKEN not in settings.model_dump_json()


def test_other_machines_need_a_token():
    settings = load_settings()
    check_api_exposure(settings, Tokens({}), "127.0.0.1")
    check_api_exposure(settings, Tokens({"a": b"x"}), "0.0.0.0")
    with pytest.raises(SettingsError, match="qa token add"):
        check_api_exposure(settings, Tokens({}), "0.0.0.0")


def test_beside_a_page_the_interface_never_lets_in_whom_the_page_does_not(tmp_path):
    users = tmp_path / "users.txt"
    some = Tokens({"a": b"x"})
    assert serves_beside(load_settings(), Tokens({}))
    assert not serves_beside(load_settings(auth=users), Tokens({}))
    assert not serves_beside(load_settings(host="0.0.0.0", insecure=True), Tokens({}))
    assert serves_beside(load_settings(auth=users), some)


def test_the_page_and_the_interface_share_a_port_and_an_engine(assistant, monkeypatch, tmp_path):
    monkeypatch.setenv("QA_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("qa.web.app.data_folder", lambda: tmp_path)
    from qa.web.app import create_app

    settings = load_settings(corpus=assistant.settings.corpus, index=assistant.settings.index)
    engine = Engine(settings, opener=lambda settings, progress: assistant)
    both = beside(create_app(settings, engine), Interface(settings, engine))

    async def visit():
        transport = httpx.ASGITransport(app=both)
        async with both.router.lifespan_context(both), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            async for _ in engine.ready(0.01):
                pass
            return [await client.get(p) for p in ("/", "/readyz", "/api/v1/health", "/api/none", "/mcp")]

    page, ready, health, none, mcp = asyncio.run(visit())
    assert page.headers["content-type"].startswith("text/html")
    assert (ready.status_code, health.json()["status"]) == (200, "ready")
    is_problem(none, 404)
    is_problem(mcp, 404)


# Language models


def test_a_model_that_the_server_lends_may_be_named(shared_corpus, shared_index):
    server = Server()
    try:
        server.says(lambda asked: f"The last training stage of R1 cost USD 294,000 {asked.cite('294,000')}.")
        values = {"llm": {"test": Provider(base_url=server.url, timeout_s=2, retries=0)}, "api_llm": ("test",)}
        settings = load_settings(corpus=shared_corpus, index=shared_index, **values)
        own = Assistant(settings, Snapshot.load(shared_index), HashEmbedder())
        body = {"question": "How much did the last training stage of R1 cost?", "llm": "test"}
        served = interface(own, **values)
        plain, stream = call(served, ("POST", "/api/v1/ask", {"json": body}), ("POST", "/api/v1/ask/stream", {"json": body}))
    finally:
        server.close()
    assert plain.json()["mode"] == "llm:test:test-model"
    names = [name for name, _ in events(stream.text)]
    assert (names[0], names[-1]) == ("found", "done")
    assert "piece" in names


# The description


def test_every_route_holds_to_its_description(shared_corpus, shared_index):
    schemathesis = pytest.importorskip("schemathesis")
    assistant = open_hash(shared_corpus, shared_index)
    options = load_settings(corpus=shared_corpus, index=shared_index)
    engine = Engine(options, opener=lambda settings, progress: assistant)
    engine.start()
    while engine.status.state != "ready":
        time.sleep(0.01)
    schema = schemathesis.openapi.from_asgi(OPENAPI, api_app(engine, options)).exclude(path_regex="stream")
    operations = [operation.ok() for operation in schema.get_all_operations()]
    assert len(operations) == 7
    for operation in operations:
        try_out(operation)


def try_out(operation):
    """Send a few generated requests to an operation and hold each response to the description."""
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    @given(case=operation.as_strategy())
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    def check(case):
        # A question without words is refused, which no schema can say.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    check()
