"""Help, wrong use, questions."""

import io
import json
import sys

import pytest
from commands import QUESTION, failed

import qa
from qa import cli

pytestmark = pytest.mark.usefixtures("hash_model")

COMMANDS = (
    ["serve"], ["ask"], ["search"], ["documents"], ["eval"], ["doctor"], ["index", "build"], ["index", "status"], ["index", "verify"],
    ["index", "gc"], ["corpus", "check"], ["corpus", "report"],
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example(run, command):
    code, out, err = run(*command, "--help")
    assert code == 0
    assert f"Example: qa {' '.join(command)}" in out
    assert err == ""
    assert "--index" in out
    assert "--corpus" in out


def test_the_overview_lists_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    for command in COMMANDS:
        assert command[0] in out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--nope"], ["No such option: --nope", "qa --help"]),
        (["ask", "--nope", "x"], ["No such option: --nope", "qa ask --help"]),
        (["ask"], ["Missing argument", "qa ask --help"]),
        (["ask", "two", "words"], ["put a question of several words in quotes"]),
        (["search", "x", "-k", "0"], ["-k"]),
        (["search", "x", "-k", "many"], ["-k"]),
        (["ask", "x", "--topic", "dragons"], ["unknown topic 'dragons'", "models"]),
        (["ask", "x", "--language", "fr"], ["--language", "fr"]),
        (["ask", "x", "--since", "spring"], ["--since", "'spring' is not a date"]),
        (["ask", "x", "--until", "2025-13"], ["--until", "'2025-13' is not a date"]),
        (["serve", "--port", "99999"], ["--port"]),
        (["eval", "--subset", "0"], ["--subset"]),
        (["dance"], ["No such command 'dance'"]),
        (["index", "dance"], ["No such command 'dance'", "qa index --help"]),
    ],
)
def test_wrong_use_gives_one_line_and_code_2(run, arguments, parts):
    failed(run(*arguments), *parts, code=2)


@pytest.mark.parametrize("arguments", [[], ["index"], ["corpus"]])
def test_no_command_shows_the_help_and_gives_code_2(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert "Commands" in out + err
    assert "Traceback" not in err


def test_the_version_is_that_of_the_package(run):
    assert run("--version") == (0, f"qa {qa.__version__}\n", "")


# --- ask and search ----------------------------------------------------------------------------


def test_ask_prints_sentences_quotes_and_sources(run):
    code, out, err = run("ask", QUESTION)
    assert (code, err) == (0, "")
    assert "Alibaba released the reasoning model QwQ-32B on 6 March 2025. [1]" in out
    assert "[1] QwQ-32B, the reasoning model of Alibaba › Release · as of 2025-03-06" in out
    assert "“Alibaba released the reasoning model QwQ-32B on 6 March 2025.”" in out
    assert "Example Press, “Report on QwQ-32B, the reasoning model of Alibaba”, 2025-03-06" in out
    assert "https://example.org/qwq-32b" in out


def test_ask_json_is_the_answer(run, assistant):
    code, out, err = run("ask", QUESTION, "--json")
    assert (code, err) == (0, "")
    answer = qa.Answer.model_validate_json(out)
    assert answer.model_copy(update={"timings_ms": {}}) == assistant.ask(QUESTION).model_copy(update={"timings_ms": {}})


def test_ask_shows_conflicts(run):
    code, out, _ = run("ask", "What revenue had the Chinese cloud market in 2024?")
    assert code == 0
    assert "Sources disagree" in out
    assert "40 billion" in out
    assert "46 billion" in out


def test_an_abstention_is_an_answer_with_the_nearest_passages(run):
    code, out, err = run("ask", "What is the height of Mount Kilimanjaro?")
    assert (code, err) == (0, "")
    assert "does not answer" in out
    assert "Nearest passages" in out


def test_ask_in_chinese(run):
    code, out, _ = run("ask", "2028年中国人工智能产业规模预计达到多少？")
    assert code == 0
    assert "8110亿元" in out
    assert "截至" in out


def test_ask_reads_the_question_from_stdin(run):
    by_argument = json.loads(run("ask", QUESTION, "--json")[1])
    by_stdin = json.loads(run("ask", "-", "--json", stdin=f"\ufeff{QUESTION}\r\n".encode())[1])
    assert by_stdin["text"] == by_argument["text"]
    assert by_stdin["question"] == QUESTION


def test_ask_takes_the_conversation_and_the_scope(run, assistant):
    answer = json.loads(run("ask", "And Baidu?", "--history", "Who founded DeepSeek?", "--history", QUESTION, "--json")[1])
    expected = assistant.ask("And Baidu?", history=["Who founded DeepSeek?", QUESTION])
    assert answer["standalone_question"] == expected.standalone_question != "And Baidu?"
    scoped = json.loads(
        run("ask", "Which reasoning model was released?", "--document", "deepseek-r1", "--language", "en", "--topic", "models", "--since", "2025",
            "--until", "2025-09-17", "--json")[1]
    )  # fmt: skip
    assert {h["document_id"] for h in scoped["hits"]} == {"deepseek-r1"}


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize(
    ("argument", "stdin", "part"),
    [
        ("", None, "the question is empty"),
        ("  \t ", None, "the question is empty"),
        ("😀", None, "the question holds no words"),
        ("\x1b\x07", None, "the question is empty"),
        ("-", b"", "the question is empty"),
        ("-", b"who? " * 1_000_000, "the question has 5,000,000 characters; the limit is 2,000"),
        ("-", "问" .encode() * 3_000_000, "characters; the limit is 2,000"),
        ("-", b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8 text"),
        ("-", b"\x00\x01\x02\x03", "bytes that are not text"),
        ("-", "谁创立了深度求索？".encode("gb18030"), "not UTF-8 text"),
        ("\udcff\udcfe", None, "bytes that are not text"),
    ],
    ids=lambda v: repr(v)[:16],
)  # fmt: skip
def test_a_bad_question_gives_one_line_and_loads_no_model(run, command, argument, stdin, part, monkeypatch):
    monkeypatch.setattr("qa.assistant.question_embedder", None)
    failed(run(command, argument, stdin=stdin), part)


def test_an_unknown_document_is_named(run):
    failed(run("ask", "x y", "--document", "nobody"), "no document has the id 'nobody'", "qa documents")


def test_search_lists_passages_and_explains_them(run):
    code, out, _ = run("search", QUESTION, "-k", "2", "--explain", "--language", "en")
    assert code == 0
    assert out.count("· score ") == 2
    assert "lexical" in out
    assert "rank 1" in out


def test_search_json_lists_hits_with_the_rank_of_each_signal(run):
    hits = json.loads(run("search", QUESTION, "-k", "3", "--json", "--explain")[1])
    plain = json.loads(run("search", QUESTION, "-k", "3", "--json")[1])
    assert [h["passage_id"] for h in hits] == [h["passage_id"] for h in plain]
    assert [h["rank"] for h in hits] == [1, 2, 3]
    for hit in hits:
        assert hit["ranks"].keys() == hit["signals"].keys()
        assert all(r >= 1 for r in hit["ranks"].values())
    for name in hits[0]["signals"]:
        by_value = sorted(hits, key=lambda h: -h["signals"][name])
        assert [h["ranks"][name] for h in by_value] == sorted(h["ranks"][name] for h in hits)


def test_json_survives_a_terminal_that_knows_no_chinese(run, monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="ascii"))
    assert cli.main(["search", "产业规模", "-k", "1", "--json"]) == 0
    sys.stdout.flush()
    (hit,) = json.loads(buffer.getvalue())
    assert "8110亿元" in hit["text"]
