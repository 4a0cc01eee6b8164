"""The examples work: with the libraries that they are for where these are installed, else with what they ask of them."""

import importlib.util
import json
import runpy
import sys
import types
from pathlib import Path

import pytest
from samples import CASES
from test_mcp import TOKEN, serving

import qa

EXAMPLES = Path(qa.__file__).parent.parent / "examples"
QUESTION, DOCUMENT, HELD = CASES[0]

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="an installation has no examples")


def load(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # where pydantic looks for what annotations name
    spec.loader.exec_module(module)
    return module


class Plain:
    """Keeps what it is given, like the libraries' models."""

    def __init__(self, **values) -> None:
        self.__dict__.update(values)


def stand_in(monkeypatch, **modules) -> None:
    """Put modules with the given names in the place of a library that is not installed."""
    for path, names in modules.items():
        dotted = path.replace("__", ".")
        for parent in [dotted.rsplit(".", n)[0] for n in range(dotted.count("."), 0, -1)]:
            if parent not in sys.modules:
                monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
        module = types.ModuleType(dotted)
        module.__dict__.update(names)
        monkeypatch.setitem(sys.modules, dotted, module)


def test_the_langchain_retriever_returns_passages_with_their_place(monkeypatch, assistant):
    if importlib.util.find_spec("langchain_core") is None:
        base = type("BaseRetriever", (Plain,), {"invoke": lambda self, query: self._get_relevant_documents(query, run_manager=None)})
        stand_in(monkeypatch, langchain_core__documents={"Document": Plain}, langchain_core__retrievers={"BaseRetriever": base})
    found = load("langchain_retriever").CitedRetriever(assistant=assistant, k=3).invoke("DeepSeek R1")
    assert len(found) == 3
    for document in found:
        place = document.metadata
        assert assistant.document(place["document_id"]).text[place["start"] : place["end"]] == document.page_content


def test_the_llamaindex_retriever_returns_nodes_with_scores(monkeypatch, assistant):
    if importlib.util.find_spec("llama_index") is None:
        base = type("BaseRetriever", (), {"retrieve": lambda self, query: self._retrieve(Plain(query_str=query))})
        node = type("TextNode", (Plain,), {"get_content": lambda self: self.text})
        names = {"NodeWithScore": Plain, "QueryBundle": Plain, "TextNode": node}
        stand_in(monkeypatch, llama_index__core__retrievers={"BaseRetriever": base}, llama_index__core__schema=names)
    found = load("llamaindex_retriever").CitedRetriever(assistant, k=3).retrieve("DeepSeek R1")
    assert [n.score for n in found] == [h.score for h in assistant.search("DeepSeek R1", 3)]
    for node in (n.node for n in found):
        place = node.metadata
        assert assistant.document(place["document_id"]).text[place["start"] : place["end"]] == node.get_content()


@pytest.mark.parametrize(("name", "library"), [("langchain_retriever", "langchain_core"), ("llamaindex_retriever", "llama_index")])
def test_without_the_library_the_install_command_is_said(monkeypatch, name, library):
    for known in [m for m in sys.modules if m.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match="pip install"):
        load(name)


def test_the_http_example_asks_a_server_and_shows_its_errors(monkeypatch, assistant, capsys):
    with serving(assistant, api_tokens=TOKEN) as address:
        monkeypatch.setenv("QA_URL", address)
        monkeypatch.setattr(sys, "argv", ["http_client.py", QUESTION])
        with pytest.raises(SystemExit, match="send a token"):
            runpy.run_path(str(EXAMPLES / "http_client.py"), run_name="__main__")
        monkeypatch.setenv("QA_TOKEN", TOKEN)
        runpy.run_path(str(EXAMPLES / "http_client.py"), run_name="__main__")
    assert HELD in capsys.readouterr().out
    monkeypatch.setenv("QA_URL", "http://127.0.0.1:9")
    with pytest.raises(SystemExit, match="start it with: qa api"):
        runpy.run_path(str(EXAMPLES / "http_client.py"), run_name="__main__")


@pytest.mark.parametrize("name", ["ask", "follow_up", "compare_sources", "research"])
def test_the_examples_in_python_run(monkeypatch, assistant, capsys, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(qa, "_assistant", assistant)
    monkeypatch.setattr("qa.Assistant.open", lambda: assistant)
    monkeypatch.setattr(sys, "argv", [name, QUESTION])
    assert load(name).main() == 0
    assert capsys.readouterr().out.strip()
    assert (tmp_path / "brief.html").exists() == (name == "research")


def test_the_configuration_names_commands_that_there_are(run):
    servers = json.loads((EXAMPLES / "mcp_config.json").read_text())["mcpServers"]
    local = [s for s in servers.values() if "command" in s]
    assert [s["command"] for s in local] == ["qa"]
    for server in local:
        assert run(*server["args"], "--help")[0] == 0
    assert all(s["url"].endswith(":7870/mcp") for s in servers.values() if "url" in s)
