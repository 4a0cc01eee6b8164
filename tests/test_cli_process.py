"""Commands as processes of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import QUESTION, process

import qa

pytestmark = pytest.mark.usefixtures("hash_model")


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
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it starts in the background
sys.path.insert(0, sys.argv[1])
import qa.assistant, qa.cli, qa.embedding, samples

class Slow(samples.HashEmbedder):
    def encode(self, texts):
        for encoded in super().encode(texts):
            yield encoded
            print("encoded", flush=True)
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
    assert started.stdout.readline() == b"encoded\n"  # in the midst of it
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (130, b"")
    assert (index / "CURRENT").read_text() == before
    assert process("index", "verify", env=env).returncode == 0
