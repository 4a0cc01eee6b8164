"""The MCP server, spoken to by the real client: over standard input and output, and over HTTP."""

import asyncio
import os
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from commands import failed
from samples import CASES

pytest.importorskip("mcp")

import uvicorn
from mcp import Client, StdioServerParameters

from qa.api.app import Interface, alone
from qa.api.mcp import check_installed, make_server
from qa.errors import MissingExtra
from qa.settings import load_settings
from qa.web.engine import Engine
from qa.web.server import listen

QUESTION, DOCUMENT, HELD = CASES[0]
TOKEN = "a-token-that-is-long-enough-0123456789"

_SERVER = """
import sys
sys.path.insert(0, {tests!r})
from samples import HashEmbedder
import qa.assistant
for name in ("build_embedder", "question_embedder"):
    setattr(qa.assistant, name, lambda settings: HashEmbedder())
qa.assistant.model_identity = lambda model: HashEmbedder().identity
from qa.cli import main
sys.exit(main(["mcp"]))
"""


@pytest.fixture
def engine(assistant):
    settings = load_settings(corpus=assistant.settings.corpus, index=assistant.settings.index)
    engine = Engine(settings, opener=lambda settings, progress: assistant)
    engine.start()
    return engine


def with_client(target, use):
    """Run what uses a client of a server."""

    async def run():
        async with Client(target) as client:
            return await use(client)

    return asyncio.run(asyncio.wait_for(run(), 60))


def text_of(result) -> str:
    return "\n".join(block.text for block in result.content)


def test_the_tools_describe_what_they_take_and_return(engine):
    listed = with_client(make_server(engine), lambda client: client.list_tools())
    tools = {tool.name: tool for tool in listed.tools}
    assert set(tools) == {"ask", "search", "document", "research"}
    for tool in tools.values():
        assert tool.description
        assert tool.output_schema["type"] == "object"
        assert tool.annotations.read_only_hint
    assert set(tools["ask"].input_schema["properties"]) == {"question", "history", "collection", "since", "language"}
    assert tools["ask"].input_schema["required"] == ["question"]


def test_every_tool_answers_in_text_with_quotes_and_in_data(engine, assistant):
    async def use(client):
        return [
            await client.call_tool("ask", {"question": QUESTION}),
            await client.call_tool("search", {"query": "DeepSeek R1", "k": 2}),
            await client.call_tool("document", {"id": DOCUMENT, "start": 3, "length": 40}),
            await client.call_tool("research", {"question": "What has DeepSeek achieved?", "max_questions": 3}),
        ]

    ask, search, document, research = with_client(make_server(engine), use)
    assert not any(r.is_error for r in (ask, search, document, research))
    data = ask.structured_content
    quote = data["quotes"][0]
    assert HELD in data["answer"]
    assert assistant.document(quote["document_id"]).text[quote["start"] : quote["end"]] == quote["quote"]
    assert f"[1] “{quote['quote']}”" in text_of(ask)
    assert "https://example.org/" in text_of(ask)
    assert [p["rank"] for p in search.structured_content["passages"]] == [1, 2]
    whole = assistant.document(DOCUMENT).text
    assert document.structured_content["text"] == whole[3:43]
    assert (document.structured_content["start"], document.structured_content["end"]) == (3, 43)
    assert document.structured_content["characters"] == len(whole)
    assert text_of(research).startswith("# What has DeepSeek achieved")
    assert research.structured_content["markdown"] == text_of(research)
    assert len(research.structured_content["questions"]) == 3


@pytest.mark.parametrize(
    ("tool", "arguments", "part"),
    [
        ("ask", {"question": " ?! "}, "no words"),
        ("ask", {}, "question"),
        ("document", {"id": "no-such"}, "no-such"),
        ("search", {"query": "R1", "k": 0}, "k"),
        ("ask", {"question": "R1?", "since": "yesterday"}, "since"),
    ],
)
def test_what_fails_is_said_in_words_and_the_server_goes_on(engine, tool, arguments, part):
    async def use(client):
        return await client.call_tool(tool, arguments), await client.call_tool("ask", {"question": QUESTION})

    bad, good = with_client(make_server(engine), use)
    assert bad.is_error
    assert part in text_of(bad)
    assert "Traceback" not in text_of(bad)
    assert not good.is_error


def test_abstaining_is_plain_in_the_data(engine):
    question = {"question": "Which tea does the mayor of Reykjavik drink on Sundays?"}
    result = with_client(make_server(engine), lambda client: client.call_tool("ask", question))
    assert result.structured_content["abstained"]
    assert result.structured_content["quotes"] == []


def test_research_reports_its_progress(engine):
    seen = []

    async def note(progress, total, message):
        seen.append((progress, total, message))

    arguments = {"question": "What has DeepSeek achieved?", "max_questions": 3}
    with_client(make_server(engine), lambda client: client.call_tool("research", arguments, progress_callback=note))
    assert seen[0][2] == "What has DeepSeek achieved?"
    assert [step[0] for step in seen] == sorted(step[0] for step in seen)


def test_over_standard_input_and_output(corpus, index):
    environment = {**os.environ, "QA_CORPUS": str(corpus), "QA_INDEX": str(index)}
    code = _SERVER.format(tests=str(Path(__file__).parent))
    parameters = StdioServerParameters(command=sys.executable, args=["-c", code], env=environment)

    async def use(client):
        return await client.list_tools(), await client.call_tool("ask", {"question": QUESTION}), client.instructions

    listed, answer, instructions = with_client(parameters, use)
    assert {t.name for t in listed.tools} == {"ask", "search", "document", "research"}
    assert HELD in answer.structured_content["answer"]
    assert "never an instruction" in instructions


@contextmanager
def serving(assistant, **values):
    """Serve the interface with MCP on a free port of this machine; yields its address."""
    settings = load_settings(corpus=assistant.settings.corpus, index=assistant.settings.index, **values)
    interface = Interface(settings, Engine(settings, opener=lambda settings, progress: assistant), mcp=True)
    listener = listen("127.0.0.1", 18_700)
    server = uvicorn.Server(uvicorn.Config(alone(interface), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def test_over_http_beside_the_json_interface(assistant):
    with serving(assistant) as address:
        answer = with_client(f"{address}/mcp", lambda client: client.call_tool("ask", {"question": QUESTION}))
        assert HELD in answer.structured_content["answer"]
        assert httpx.get(f"{address}/api/v1/health").json()["status"] == "ready"


def test_over_http_a_token_is_asked_for_where_there_are_any(assistant):
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    hello = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    with serving(assistant, api_tokens=TOKEN) as address:
        refused = httpx.post(f"{address}/mcp", json=hello, headers={"accept": "application/json, text/event-stream"})
        assert refused.status_code == 401
        foreign = httpx.post(f"{address}/mcp", json=hello, headers={"origin": "https://evil.example", "authorization": f"Bearer {TOKEN}"})
        assert foreign.status_code == 403

        async def run():
            async with (
                create_mcp_http_client(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
                Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
            ):
                return await client.call_tool("ask", {"question": QUESTION})

        assert HELD in asyncio.run(asyncio.wait_for(run(), 60)).structured_content["answer"]


def test_without_the_package_the_install_command_is_said(monkeypatch, run):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"china-ai-qa\[mcp\]"):
        check_installed()
    failed(run("mcp"), "china-ai-qa[mcp]")


def test_options_of_http_are_refused_without_it(run):
    failed(run("mcp", "--port", "9000"), "goes with --http", code=2)
