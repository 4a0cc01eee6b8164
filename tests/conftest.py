"""Shared fixtures: the sample corpus, an index of it, and assistants on both models."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from samples import HashEmbedder, open_hash, valid_document, write_corpus

from qa import cli
from qa.assistant import Assistant
from qa.documents import load_corpus
from qa.index import build_index
from qa.settings import load_settings

hypothesis_settings.register_profile("steady", deadline=None, derandomize=True, max_examples=150, print_blob=True)
hypothesis_settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch, tmp_path):
    """Keep tests apart from the user's settings, index and documents."""
    for name in [n for n in os.environ if n.startswith("QA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("QA_INDEX", str(tmp_path / "index-of-no-test"))
    monkeypatch.setenv("QA_LIBRARY", str(tmp_path / "library-of-no-test"))


@pytest.fixture(scope="session")
def shared_corpus(tmp_path_factory) -> Path:
    """The sample corpus, for tests that only read it."""
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A sample corpus of the test's own."""
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def embedder() -> HashEmbedder:
    return HashEmbedder()


@pytest.fixture(scope="session")
def shared_index(tmp_path_factory, shared_corpus) -> Path:
    """An index of the sample corpus under the hash embedder, for tests that only read it."""
    folder = tmp_path_factory.mktemp("built") / "index"
    build_index(load_corpus(shared_corpus), folder, HashEmbedder(), 200)
    return folder


@pytest.fixture
def index(tmp_path, shared_index) -> Path:
    """An index of the test's own."""
    return Path(shutil.copytree(shared_index, tmp_path / "index"))


@pytest.fixture(scope="session")
def assistant(shared_corpus, shared_index) -> Assistant:
    """An assistant over the sample corpus under the hash embedder."""
    return open_hash(shared_corpus, shared_index)


@pytest.fixture(scope="session")
def model_index(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("model") / "index"


@pytest.fixture(scope="session")
def model_assistant(shared_corpus, model_index) -> Assistant:
    """An assistant over the sample corpus under the embedded model."""
    return Assistant.open(settings=load_settings(corpus=shared_corpus, index=model_index))


@pytest.fixture
def hash_model(monkeypatch):
    """Put the hash embedder in the place of the embedded model, for commands that load it themselves."""

    for name in ("build_embedder", "question_embedder"):
        monkeypatch.setattr(f"qa.assistant.{name}", lambda settings: HashEmbedder())
    monkeypatch.setattr("qa.assistant.model_identity", lambda model: HashEmbedder().identity)


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


@pytest.fixture
def good(tmp_path):
    folder = tmp_path / "good"
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "good.md").write_text(valid_document(), encoding="utf-8")
    return folder


@pytest.fixture
def own_settings(corpus, index, tmp_path):
    """Settings with a library of the test's own, still empty."""
    return load_settings(corpus=corpus, index=index, library=tmp_path / "library")


@pytest.fixture
def mine(hash_model, own_settings) -> Assistant:
    """An assistant with a library of the test's own."""
    return Assistant.open(settings=own_settings)
