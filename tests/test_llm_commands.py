"""``qa ask --llm`` and ``qa eval --llm`` against the test server."""

import json

import pytest
from llm_server import Fails, Says, Server

COST = "How much did the last training stage of R1 cost?"


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def configured(server, hash_model, tmp_path, monkeypatch):
    """A folder with a qa.toml that names the server."""
    (tmp_path / "qa.toml").write_text(f'[llm.test]\nbase_url = "{server.url}"\nretries = 0\n')
    monkeypatch.chdir(tmp_path)


def cost(asked):
    return f"R1 cost USD 294,000 in its last training stage {asked.cite('294,000')}. Baidu ate it {asked.cite('294,000')}."


def test_the_answer_is_shown_with_marks_notes_and_tokens(configured, server, run):
    server.says(cost)
    code, out, _ = run("ask", COST, "--llm", "test")
    assert code == 0
    assert "R1 cost USD 294,000 in its last training stage. [1]" in out
    assert "Baidu ate it. [2] (not supported by the evidence)" in out
    assert "llm:test:test-model" in out
    assert " tokens" in out


def test_strict_drops_and_says_so(configured, server, run):
    server.says(cost)
    _, out, _ = run("ask", COST, "--llm", "test", "--strict")
    assert "Baidu ate" not in out
    assert "Note: Sentences left out because the evidence does not fully support them: 1." in out


def test_a_failure_is_a_note_below_the_extractive_answer(configured, server, run):
    server.says(Fails(500))
    code, out, _ = run("ask", COST, "--llm", "test")
    assert code == 0
    assert "294,000" in out
    assert "Note: The model gave no answer (test:test-model fails on its side" in out


def test_a_stream_goes_to_stderr_and_the_checked_answer_to_stdout(configured, server, run):
    server.says(Says(cost, reasoning="secret"))
    _, out, err = run("ask", COST, "--llm", "test", "--stream")
    assert "R1 cost USD 294,000" in err
    assert "(reasoning)" in err
    assert "secret" not in out + err
    assert "(not supported by the evidence)" in out


def test_a_stream_as_json_is_one_step_a_line(configured, server, run):
    server.says(cost)
    _, out, _ = run("ask", COST, "--llm", "test", "--stream", "--json")
    steps = [json.loads(line) for line in out.splitlines()]
    assert steps[0]["event"] == "found"
    assert steps[-1]["event"] == "done"
    assert steps[-1]["answer"]["mode"] == "llm:test:test-model"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ask", COST, "--llm", "nobody"], 1, "no language model is called 'nobody'"),
        (["ask", COST, "--llm", "deepseek"], 1, "set the environment variable DEEPSEEK_API_KEY"),
        (["ask", COST, "--strict"], 2, "goes with --llm"),
        (["ask", COST, "--stream"], 2, "goes with --llm"),
        (["ask", COST, "--llm-rewrite"], 2, "goes with --llm"),
        (["eval", "dev", "--llm", "nobody"], 1, "no language model is called 'nobody'"),
        (["eval", "dev", "--strict"], 2, "goes with --llm"),
    ],
)
def test_wrong_use_is_said_in_one_line(configured, run, monkeypatch, arguments, code, message):
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    assert run(*arguments)[0] == code
    assert message in run(*arguments)[2]


def test_an_evaluation_measures_the_models_answers(configured, server, run, tmp_path):
    lines = [
        {"id": f"q{n}", "language": "en", "kind": "number", "question": COST, "expect": ["294,000"], "documents": ["deepseek-r1"]}
        for n in range(6)
    ]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(map(json.dumps, lines)))
    server.says(cost, cost, Fails(500))
    code, out, _ = run("eval", questions, "--llm", "test", "--limit", "3", "--json")
    report = json.loads(out)
    assert code == 0
    assert len(server.asked) == 3
    assert report["summary"]["questions"] == 3
    assert report["summary"]["answer_accuracy"]["count"] == 3
    assert report["llm"]["answered"] == 2
    assert report["llm"]["extractive"] == 1
    assert report["llm"]["sentences"]["unsupported"] == 2
    assert report["llm"]["prompt_tokens"] > 0
    assert report["summary"]["citations"]["recall"]["count"] < report["summary"]["citations"]["recall"]["n"]
