"""Processes killed at any change of the disk, disks that fill up, folders that cannot be written, builders that meet."""

import errno
import os
import resource
import shutil
import signal
import threading

import pytest
from samples import CASES, HashEmbedder, open_hash, write_corpus

from qa.assistant import Assistant
from qa.documents import load_corpus
from qa.errors import IndexBusy, IndexDamaged, IndexProblem
from qa.index import Snapshot, build_index, collect, current_generation, files, update_index, verify_index
from qa.settings import load_settings

KILLS = 60  # moments of each change at which a process is killed


class Killer:
    """Counts changes of the disk and ends its own process at one of them."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, kind, path) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def in_a_child(work) -> int:
    """Run something in a process of its own; return the signal that ended it, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # the child must never return into the test run
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def steps_of(work) -> int:
    """Count the changes of the disk that something makes."""
    steps = []
    files.on_step = lambda kind, path: steps.append(kind)
    try:
        work()
    finally:
        files.on_step = None
    return len(steps)


@pytest.fixture(autouse=True)
def _no_hook():
    yield
    files.on_step = None


@pytest.fixture
def folder(tmp_path, corpus):
    """An index of the sample corpus with a segment more."""
    documents = load_corpus(corpus).documents
    build_index(load_corpus(corpus), tmp_path / "index", HashEmbedder(), 200)
    update_index(tmp_path / "index", [documents[0].model_copy(update={"id": "twin"})], [], HashEmbedder(), 200)
    return tmp_path / "index"


def answers(corpus, folder) -> list[str]:
    assistant = open_hash(corpus, folder)
    return [assistant.ask(question).model_dump_json(exclude={"timings_ms"}) for question, _, _ in CASES]


CHANGES = {
    "build": lambda corpus, folder: build_index(load_corpus(corpus), folder, HashEmbedder(), 200),
    "fresh build": lambda corpus, folder: build_index(load_corpus(corpus), folder, HashEmbedder(), 200, fresh=True),
    "other model": lambda corpus, folder: build_index(load_corpus(corpus), folder, HashEmbedder(salt="new"), 200),
    "add": lambda corpus, folder: update_index(folder, [new_document(corpus)], [], HashEmbedder(), 200),
    "remove": lambda corpus, folder: update_index(folder, [], ["qwq-32b", "twin"], HashEmbedder(), 200),
    "collect": lambda corpus, folder: collect(folder),
}


def new_document(corpus):
    found = next(d for d in load_corpus(corpus).documents if d.id == "mmlu-gap")
    return found.model_copy(update={"id": "mmlu-gap-again", "title": "Another page on the gap"})


@pytest.mark.parametrize("name", CHANGES)
def test_a_process_killed_at_any_moment_costs_nothing(corpus, folder, tmp_path, name):
    work = CHANGES[name]
    if name == "collect":  # something to collect
        (folder / "segment-00000000000000000001").mkdir()
        for n in range(20):
            (folder / "segment-00000000000000000001" / f"file{n}").write_bytes(b"left over")
    shutil.copytree(folder, tmp_path / "after")
    total = steps_of(lambda: work(corpus, tmp_path / "after"))
    before = set(Snapshot.load(folder).documents)
    after = set(Snapshot.load(tmp_path / "after").documents)
    moments = range(total) if total <= KILLS else sorted({round(i * total / KILLS) for i in range(KILLS)})
    for moment in moments:
        shutil.rmtree(tmp_path / "work", ignore_errors=True)
        shutil.copytree(folder, tmp_path / "work")

        def killed(moment=moment):
            files.on_step = Killer(moment)
            work(corpus, tmp_path / "work")

        assert in_a_child(killed) == signal.SIGKILL
        assert set(Snapshot.load(tmp_path / "work").documents) in (before, after), moment
        assert verify_index(tmp_path / "work").problems == ()
        work(corpus, tmp_path / "work")
        assert set(Snapshot.load(tmp_path / "work").documents) == after
        assert verify_index(tmp_path / "work").problems == ()
        needed = {s.name for s in Snapshot.load(tmp_path / "work").manifest.segments}
        assert {p.name for p in (tmp_path / "work").glob("segment-*")} == needed
        assert [p.name for p in (tmp_path / "work").glob("generation-*")] == [current_generation(tmp_path / "work")]
    assert len(list(moments)) >= (20 if name == "collect" else 30)


def test_a_first_build_killed_at_any_moment_is_made_up_for(corpus, tmp_path):
    """What was encoded before the kill is not encoded again."""
    total = steps_of(lambda: CHANGES["build"](corpus, tmp_path / "whole"))
    whole = len(Snapshot.load(tmp_path / "whole").passages)
    saved = set()
    for moment in sorted({round(i * total / 30) for i in range(30)}):
        folder = tmp_path / f"at{moment}"

        def killed(folder=folder, moment=moment):
            files.on_step = Killer(moment)
            CHANGES["build"](corpus, folder)

        assert in_a_child(killed) == signal.SIGKILL
        embedder = HashEmbedder()
        build_index(load_corpus(corpus), folder, embedder, 200)
        saved.add(whole - len(embedder.encoded))
        assert verify_index(folder).problems == ()
        assert len(Snapshot.load(folder).passages) == whole
    assert max(saved) == whole
    assert len(saved) > 5


def test_an_interrupted_build_keeps_what_was_encoded(corpus, tmp_path):
    class Impatient(HashEmbedder):
        def encode(self, texts):
            for number, encoded in enumerate(super().encode(texts)):
                if number == 6:
                    raise KeyboardInterrupt
                yield encoded

    with pytest.raises(KeyboardInterrupt):
        build_index(load_corpus(corpus), tmp_path / "index", Impatient(), 200)
    embedder = HashEmbedder()
    build_index(load_corpus(corpus), tmp_path / "index", embedder, 200)
    assert len(embedder.encoded) == len(Snapshot.load(tmp_path / "index").passages) - 6


def test_encodings_that_a_crash_of_the_machine_tore_are_made_again(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_index(load_corpus(corpus), tmp_path / "index", Stopping(), 200)
    (begun,) = (tmp_path / "index").glob("segment-*")
    raw = bytearray((begun / "vectors").read_bytes())
    raw[3] ^= 1
    (begun / "vectors").write_bytes(raw)
    os.truncate(begun / "tokens", (begun / "tokens").stat().st_size - 10)
    os.truncate(begun / "keys", (begun / "keys").stat().st_size - 1)
    embedder = HashEmbedder()
    build_index(load_corpus(corpus), tmp_path / "index", embedder, 200)
    whole = len(Snapshot.load(tmp_path / "index").passages)
    assert whole - 8 < len(embedder.encoded) < whole
    assert verify_index(tmp_path / "index").problems == ()


class Stopping(HashEmbedder):
    def encode(self, texts):
        for number, encoded in enumerate(super().encode(texts)):
            if number == 8:
                raise KeyboardInterrupt
            yield encoded


# --- disks and folders that refuse ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, r"cannot be written: No space left on device; free some space, or choose another with QA_INDEX or --index$"),
        (errno.EROFS, r"cannot be written: Read-only file system; choose another with QA_INDEX or --index$"),
        (errno.EIO, r"cannot be written: Input/output error; choose another"),
    ],
)
@pytest.mark.parametrize("name", ["build", "add", "remove"])
def test_a_disk_that_refuses_loses_nothing(corpus, folder, name, code, words):
    if name == "build":  # something to build
        write_corpus(corpus)
        path = corpus / "en" / "qwq-32b.md"
        path.write_text(path.read_text(encoding="utf-8").replace("6 March", "7 March"), encoding="utf-8")
    before, held = answers(corpus, folder), current_generation(folder)
    for moment in (0, 1, 5, 20, 40):
        left = [moment]

        def refuse(kind, path, left=left):
            left[0] -= 1
            if left[0] < 0 and kind != "remove":
                raise OSError(code, os.strerror(code))

        files.on_step = refuse
        with pytest.raises(IndexDamaged, match=words):
            CHANGES[name](corpus, folder)
        files.on_step = None
        assert current_generation(folder) == held
        assert answers(corpus, folder) == before
    CHANGES[name](corpus, folder)
    assert verify_index(folder).problems == ()
    assert current_generation(folder) != held


def test_a_limit_on_file_sizes_is_one_sentence(corpus, tmp_path):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        with pytest.raises(IndexDamaged, match=r"cannot be written: File too large; free some space"):
            build_index(load_corpus(corpus), tmp_path / "index", HashEmbedder(), 200)

    assert in_a_child(limited) == 0
    CHANGES["build"](corpus, tmp_path / "index")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_write_permission_is_named(corpus, folder):
    folder.chmod(0o555)
    try:
        with pytest.raises(IndexDamaged, match="cannot be written: Permission denied"):
            CHANGES["add"](corpus, folder)
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("name", [n for n in CHANGES if n != "collect"])
def test_of_two_writers_the_second_is_told_to_wait(corpus, folder, name):
    inside, leave, said = threading.Event(), threading.Event(), []

    class Slow(HashEmbedder):
        def encode(self, texts):
            inside.set()
            leave.wait(20)
            yield from super().encode(texts)

    first = threading.Thread(target=lambda: update_index(folder, [new_document(corpus)], [], Slow(), 200))
    first.start()
    assert inside.wait(20)
    for work in (CHANGES[name], CHANGES["collect"]):
        with pytest.raises(IndexBusy, match=r"another process is building in .*; wait for it, then try again"):
            work(corpus, folder)
    said.append(answers(corpus, folder))  # readers are not held up
    leave.set()
    first.join(20)
    assert "mmlu-gap-again" in Snapshot.load(folder).documents
    CHANGES[name](corpus, folder)


def test_readers_that_open_while_generations_change_always_find_a_whole_one(corpus, folder):
    stop, seen, failed = threading.Event(), set(), []

    def read():
        while not stop.is_set():
            try:
                snapshot = Snapshot.load(folder)
                seen.add(snapshot.generation)
                assert snapshot.documents["mmlu-gap"].text
            except (IndexProblem, OSError, AssertionError) as error:
                failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(12):
        update_index(folder, [new_document(corpus)] if n % 2 else [], [] if n % 2 else ["mmlu-gap-again"], HashEmbedder(), 200)
    stop.set()
    reader.join(20)
    assert failed == []
    assert len(seen) > 1


def test_an_assistant_opens_what_a_killed_build_left(corpus, folder, hash_model):
    def killed():
        files.on_step = Killer(25)
        CHANGES["other model"](corpus, folder)

    assert in_a_child(killed) == signal.SIGKILL
    assert Assistant.open(settings=load_settings(corpus=corpus, index=folder)).ask("Who founded DeepSeek in Hangzhou?").citations
