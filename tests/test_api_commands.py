"""``qa api``, ``qa mcp``, ``qa token`` and what ``qa serve`` puts beside the page."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from commands import failed

from qa.api.tokens import Tokens, read_tokens


def test_a_token_is_printed_once_and_its_digest_kept(run, tmp_path):
    path = tmp_path / "tokens.txt"
    code, out, err = run("token", "add", "reports", "--file", path)
    assert code == 0
    assert "reports" in err
    assert Tokens(read_tokens(path)).holder(f"Bearer {out.strip()}") == "reports"
    assert out.strip() not in path.read_text()
    failed(run("token", "add", "reports", "--file", path), "there is a token named")


def test_a_token_for_a_variable_is_kept_nowhere(run):
    code, out, err = run("token", "add", "any")
    assert (code, len(out.strip())) == (0, 43)
    assert "QA_API_TOKENS" in err


@pytest.mark.parametrize("command", ["api", "mcp"])
def test_other_machines_are_served_only_with_tokens(run, hash_model, command):
    more = ["--http"] if command == "mcp" else []
    failed(run(command, *more, "--host", "0.0.0.0"), "without a token", "--insecure", code=2)


def test_a_token_file_that_cannot_be_read_is_said(run, hash_model, tmp_path):
    failed(run("api", "--tokens", tmp_path / "none.txt"), "none.txt", "qa token add", code=2)


def test_a_page_with_a_log_in_serves_mcp_only_with_tokens(run, hash_model, tmp_path):
    users = tmp_path / "users.txt"
    failed(run("serve", "--auth", users, "--mcp"), "only with tokens", code=2)


_SERVER = """
import sys
sys.path.insert(0, {tests!r})
from samples import HashEmbedder
import qa.assistant
for name in ("build_embedder", "question_embedder"):
    setattr(qa.assistant, name, lambda settings: HashEmbedder())
qa.assistant.model_identity = lambda model: HashEmbedder().identity
from qa.cli import main
sys.exit(main(["api", "--port", "18790", "--mcp"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends an interrupt")
def test_the_interface_serves_and_ends_on_an_interrupt(corpus, index):
    environment = {**os.environ, "QA_CORPUS": str(corpus), "QA_INDEX": str(index)}
    code = _SERVER.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        address = process.stdout.readline().split()[4]
        until = time.monotonic() + 30
        status = ""
        while status != "ready" and time.monotonic() < until:
            try:
                status = httpx.get(f"{address}/api/v1/health").json()["status"]
            except httpx.TransportError:
                time.sleep(0.05)
        assert status == "ready"
        assert httpx.post(f"{address}/api/v1/ask", json={"question": "Who founded DeepSeek?"}).status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
