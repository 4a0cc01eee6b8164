"""A library through kills, full disks, other processes, other models and damage."""

import fcntl
import os
import resource
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
from samples import HashEmbedder

from qa.assistant import Assistant
from qa.documents.readers import ReadLimits
from qa.documents.readers.worker import read
from qa.errors import IndexProblem, IndexStale, LibraryBusy, LibraryDamaged
from qa.index import Snapshot
from qa.library import Library
from qa.library.store import Store
from qa.settings import load_settings

pytestmark = pytest.mark.usefixtures("hash_model")

TEXTS = {
    "changed.md": ("The Zanzibar project started on 3 May 2024 in Dover.\n", "The Zanzibar project started on 9 July 2024 in Dover.\n"),
    "gone.md": ("The bridge of Kolmar was opened in 1931 by Ottoline Vanterpool.\n", None),
    "same.md": ("The lighthouse of Port Ellery is 41 metres high.\n", "The lighthouse of Port Ellery is 41 metres high.\n"),
    "new.md": (None, "The tunnel of Brackwater measures 880 metres.\n"),
}


class InProcess:
    """Reads without a process of its own, which a killed test would leave behind."""

    def __init__(self, limits: ReadLimits | None = None) -> None: ...

    def read(self, path, name):
        return read(path.read_bytes(), name, ReadLimits())

    def close(self) -> None: ...


def make(folder: Path) -> Library:
    return Library(folder, HashEmbedder().identity, 200, lambda size: HashEmbedder())


@pytest.fixture
def papers(tmp_path):
    """A folder as it was when it was read first, and a function that brings it to its second state."""
    folder = tmp_path / "papers"
    folder.mkdir()

    def write(state):
        for name, texts in TEXTS.items():
            (folder / name).unlink(missing_ok=True)
            if texts[state] is not None:
                (folder / name).write_text(texts[state], encoding="utf-8")
        return folder

    write(0)
    return write


def check(folder: Path) -> set[str]:
    """Assert that store, index and originals say the same; return the texts."""
    library = make(folder)
    library.bring_in_line()
    documents = library.documents()
    held = Snapshot.load(library.index).documents if documents else {}
    assert {d.id: d.digest for d in documents} == {i: held[i].digest for i in held}
    with Store(folder) as store:
        assert not store.unclean
        assert store._rows("PRAGMA integrity_check") == [("ok",)]
        assert {p.name for p in (folder / "originals").iterdir()} == {store.original(e).name for e in store.entries().values()}
    for entry in library.entries().values():
        assert library.original(entry.id).is_file()
    return {d.text for d in documents}


def run_killed(work, at: int) -> int:
    """Run some work in a child that is killed before a line of the library's or the index's code; return how many lines it ran."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def line(frame, event, value):
            nonlocal count
            if event == "line":
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return line

        def call(frame, event, value):
            return line if "/qa/library/" in frame.f_code.co_filename or "/qa/index/" in frame.f_code.co_filename else None

        status = 1
        try:
            sys.settrace(call)
            work()
            sys.settrace(None)
            os.write(writer, str(count).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as told:
        lines = told.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return int(lines or 0)


@pytest.mark.parametrize(("what", "kills"), [("sync", 30), ("remove", 10)])
def test_killed_at_any_moment_nothing_is_lost_and_the_next_run_cleans_up(what, kills, papers, tmp_path, monkeypatch):
    monkeypatch.setattr("qa.library.intake.Reader", InProcess)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a killed process loses nothing that it wrote, synced or not
    make(tmp_path / "base").sync(papers(0))
    folder = papers(1)
    before = {old for old, _ in TEXTS.values() if old}
    gone = next(e.id for e in make(tmp_path / "base").entries().values() if e.name.endswith("gone.md"))
    after = {new for _, new in TEXTS.values() if new} if what == "sync" else before - {TEXTS["gone.md"][0]}
    target = tmp_path / "library"

    def work():
        if what == "sync":
            make(target).sync(folder)
        elif gone in make(target).entries():
            make(target).remove([gone])

    def again():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(tmp_path / "base", target)

    again()
    total = run_killed(work, 0)
    assert check(target) == after
    points = range(1, total, max(1, total // kills))
    assert len(points) >= kills
    for at in points:
        again()
        assert run_killed(work, at) == 0
        texts = check(target)
        for old, new in TEXTS.values():
            assert not {old, new} <= texts or old == new
        assert texts <= before | after
        assert TEXTS["same.md"][0] in texts
        work()
        assert check(target) == after
        assert b"Ottoline" not in b"".join(p.read_bytes() for p in target.rglob("*") if p.is_file())


def test_an_interrupted_addition_is_taken_up_again_and_can_be_removed_without_a_trace(papers, tmp_path):
    class Stops(HashEmbedder):
        def encode(self, texts):
            for number, encoded in enumerate(super().encode(texts)):
                if number == 2:
                    raise KeyboardInterrupt
                yield encoded

    base = make(tmp_path / "library")
    base.sync(papers(0))
    text = "\n\n".join(f"# Part {n}\n\nThe Xylophantasma of part {n} was seen in the year {1900 + n}." for n in range(6))
    (tmp_path / "long.md").write_text(text)
    for then in ("goes on", "is removed"):
        with pytest.raises(KeyboardInterrupt):
            Library(base.folder, HashEmbedder().identity, 200, lambda size: Stops()).add([tmp_path / "long.md"])
        (added,) = [i for i, e in base.entries().items() if e.name == "long.md"]
        if then == "goes on":
            assert len(check(base.folder)) == 4
        base.remove([added])
        assert len(check(base.folder)) == 3
        assert b"Xylophantasma" not in b"".join(p.read_bytes() for p in base.folder.rglob("*") if p.is_file())


def test_a_full_disk_is_one_sentence_and_loses_nothing(papers, tmp_path, monkeypatch):
    monkeypatch.setattr("qa.library.intake.Reader", InProcess)
    library = make(tmp_path / "library")
    library.sync(papers(0))
    before = check(library.folder)
    large = tmp_path / "large.md"
    large.write_text("The lighthouse keeper wrote another line into his book.\n" * 20_000, encoding="utf-8")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
            library.add([large])
        except LibraryDamaged as error:
            status = 0 if "free some space" in str(error) and "\n" not in str(error) else 2
        finally:
            os._exit(status)
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0
    assert check(library.folder) == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "note.md").write_text("The lighthouse of Port Ellery is 41 metres high.\n")
    with pytest.raises(LibraryDamaged, match=r"cannot be written: .*; .*QA_LIBRARY"):
        make(tmp_path / "file" / "library").add([tmp_path / "note.md"])


def test_a_library_that_another_process_changes_is_read_but_not_changed(papers, tmp_path, monkeypatch):
    library = make(tmp_path / "library")
    library.sync(papers(0))
    monkeypatch.setattr("qa.library.store._WAIT_S", 0.2)
    shutil.rmtree(library.index)
    with (library.folder / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LibraryBusy, match="another process is changing the library in"):
            library.sync(papers(1))
        library.bring_in_line()
        assert not library.index.exists()
    check(library.folder)


def test_threads_of_one_process_wait_for_each_other(tmp_path):
    library = make(tmp_path / "library")
    files = [tmp_path / f"{n}.md" for n in range(4)]
    for n, file in enumerate(files):
        file.write_text(f"House number {n} stands in the street of the clockmakers.\n")
    threads = [threading.Thread(target=library.add, args=([f],)) for f in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(check(library.folder)) == 4


def test_questions_while_documents_come_and_go_see_one_state_each(corpus, index, papers, tmp_path):
    mine = Assistant.open(settings=load_settings(corpus=corpus, index=index, library=tmp_path / "library"))
    mine.sync(papers(0))
    wrong, asked, stop = [], [0], threading.Event()

    def ask():
        while not stop.is_set():
            view = mine._view
            for hit in view.searcher.search("Zanzibar project started", 5):
                if view.snapshot.documents[hit.document_id].text[hit.start : hit.end] != hit.text:
                    wrong.append(hit)
            asked[0] += 1

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(3):
        mine.sync(papers((n + 1) % 2))
    stop.set()
    for thread in threads:
        thread.join()
    assert asked[0] > 0
    assert wrong == []


@pytest.mark.parametrize("change", ["model", "max_tokens", "format", "missing", "pointer"])
def test_an_index_that_does_not_fit_is_built_anew_or_said(change, corpus, index, papers, tmp_path, monkeypatch):
    values = {"corpus": corpus, "index": index, "library": tmp_path / "library"}
    Assistant.open(settings=load_settings(**values)).sync(papers(0))
    own = tmp_path / "library" / "index"
    current = (own / "CURRENT").read_text().split()[0]
    if change == "model":
        monkeypatch.setattr("qa.assistant.model_identity", lambda model: HashEmbedder(salt="x").identity)
        for name in ("build_embedder", "question_embedder"):
            monkeypatch.setattr(f"qa.assistant.{name}", lambda settings: HashEmbedder(salt="x"))
    elif change == "max_tokens":
        values["max_tokens"] = 100
    elif change == "format":
        manifest = own / current / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"format": ', '"format": 9'))
    elif change == "missing":
        shutil.rmtree(own)
    else:
        (own / "CURRENT").write_text("generation-none\n")
    settings = load_settings(**values)
    if change in ("model", "max_tokens"):  # the corpus comes first
        with pytest.raises(IndexStale, match="run: qa index build"):
            Assistant.open(settings=settings, build=False)
        Assistant.open(settings=settings, own_documents=False)
    with pytest.raises(IndexStale, match=r"the index of your documents in .* is not up to date; run: qa index build"):
        Assistant.open(settings=settings, build=False)
    mine = Assistant.open(settings=settings)
    assert len([d for d in mine.documents if d.collection == "library"]) == 3
    Assistant.open(settings=settings, build=False)


def test_a_damaged_index_is_found_and_built_anew(corpus, index, papers, tmp_path):
    settings = load_settings(corpus=corpus, index=index, library=tmp_path / "library")
    mine = Assistant.open(settings=settings)
    mine.sync(papers(0))
    for path in sorted(p for p in mine._library.index.rglob("*") if p.is_file() and p.stat().st_size and not p.name.startswith(".")):
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(IndexProblem, match="qa index build"):
        Assistant.open(settings=settings, build=False).search("Zanzibar project")
    mine._library.rebuild()
    assert "Zanzibar" in Assistant.open(settings=settings).search("Zanzibar project")[0].text


def test_a_database_that_is_none_is_one_sentence(papers, tmp_path):
    library = make(tmp_path / "library")
    library.sync(papers(0))
    (library.folder / "documents.sqlite").write_bytes(b"nothing that SQLite knows" * 200)
    with pytest.raises(LibraryDamaged, match=r"cannot be used: .*; free some space, or restore documents\.sqlite"):
        library.entries()
