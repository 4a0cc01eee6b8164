import fcntl
import os
import shutil
import signal

import numpy as np
import pytest
from samples import CASES, DOCUMENTS, HashEmbedder, open_hash

from qa.assistant import Assistant, staleness
from qa.documents import load_corpus
from qa.errors import IndexBusy, IndexDamaged, IndexMissing, IndexProblem, IndexStale
from qa.index import Snapshot, build_index, current_generation, read_manifest
from qa.index.builder import collect
from qa.settings import load_settings

GENERATION_FILES = 5  # fewer would mean that something moved and the tests below look in the wrong place


def generations(folder) -> list[str]:
    return sorted(p.name for p in folder.glob("generation-*"))


def build(corpus, folder, embedder=None) -> str:
    return build_index(load_corpus(corpus), folder, embedder or HashEmbedder(), 200)


def bytes_of(answer) -> str:
    return answer.model_dump_json(exclude={"timings_ms"})


def change(corpus, old="6 March 2025", new="7 March 2025", name="qwq-32b") -> None:
    path = corpus / "en" / f"{name}.md"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_a_built_index_holds_the_corpus(corpus, tmp_path):
    name = build(corpus, tmp_path / "index")
    snapshot = Snapshot.load(tmp_path / "index")
    assert snapshot.generation == current_generation(tmp_path / "index") == name
    assert set(snapshot.documents) == set(DOCUMENTS)
    assert snapshot.documents["qwq-32b"] == next(d for d in load_corpus(corpus).documents if d.id == "qwq-32b")
    manifest = snapshot.manifest
    assert manifest.documents == len(DOCUMENTS)
    assert manifest.passages == len(snapshot.passages) == snapshot.vectors.ntotal
    assert manifest.corpus == load_corpus(corpus).digest
    assert manifest.model == HashEmbedder().identity
    for passage in snapshot.passages:
        text = snapshot.documents[passage.document_id].text
        assert text[passage.start : passage.end].strip()


def test_two_builds_of_one_corpus_give_the_same_answers(corpus, tmp_path):
    build(corpus, tmp_path / "one")
    build(corpus, tmp_path / "two")
    one, two = open_hash(corpus, tmp_path / "one"), open_hash(corpus, tmp_path / "two")
    for question, _, _ in CASES:
        assert bytes_of(one.ask(question)) == bytes_of(two.ask(question))


def test_a_reloaded_index_gives_the_same_answers(assistant, shared_corpus, shared_index):
    again = open_hash(shared_corpus, shared_index)
    for question, _, _ in CASES:
        assert bytes_of(again.ask(question)) == bytes_of(assistant.ask(question))


def test_a_rebuild_encodes_only_what_is_new(corpus, tmp_path):
    first, second, third = HashEmbedder(), HashEmbedder(), HashEmbedder()
    build(corpus, tmp_path / "index", first)
    build(corpus, tmp_path / "index", second)
    assert first.encoded
    assert second.encoded == []
    change(corpus)
    build(corpus, tmp_path / "index", third)
    assert [("7 March 2025" in t) for t in third.encoded] == [True]
    fresh = tmp_path / "fresh"
    build(corpus, fresh)
    cached, whole = Snapshot.load(tmp_path / "index"), Snapshot.load(fresh)
    assert np.array_equal(cached.tokens, whole.tokens)
    assert np.array_equal(cached.sentence_vectors, whole.sentence_vectors)


def test_another_model_shares_nothing_with_the_cache(corpus, tmp_path):
    build(corpus, tmp_path / "index")
    other = HashEmbedder(salt="other")
    build(corpus, tmp_path / "index", other)
    assert len(other.encoded) == len(Snapshot.load(tmp_path / "index").passages)


@pytest.mark.parametrize("damage", [b"this is no database", b""])
def test_a_damaged_cache_is_filled_again(corpus, tmp_path, damage):
    folder = tmp_path / "index"
    build(corpus, folder)
    (folder / "cache.sqlite").write_bytes(damage)
    build(corpus, folder)
    assert len(Snapshot.load(folder).documents) == len(DOCUMENTS)


def test_a_cache_with_a_torn_page_is_filled_again(corpus, tmp_path):
    folder = tmp_path / "index"
    build(corpus, folder)
    cache = folder / "cache.sqlite"
    raw = bytearray(cache.read_bytes())
    raw[4096:8192] = os.urandom(4096)
    cache.write_bytes(raw)
    build(corpus, folder)
    assert len(Snapshot.load(folder).documents) == len(DOCUMENTS)


def test_progress_rises_to_the_total(corpus, tmp_path):
    calls = []
    build_index(load_corpus(corpus), tmp_path / "index", HashEmbedder(), 200, lambda done, total: calls.append((done, total)))
    done = [d for d, _ in calls]
    assert done == sorted(done)
    assert calls[-1][0] == calls[-1][1] == len(Snapshot.load(tmp_path / "index").passages)


# --- stale -----------------------------------------------------------------------------------


def test_a_fresh_index_is_not_stale(corpus, index, hash_model):
    assert staleness(load_settings(corpus=corpus, index=index)) == ""


def test_a_changed_corpus_model_or_setting_makes_it_stale(corpus, index, hash_model, monkeypatch):
    settings = load_settings(corpus=corpus, index=index)
    other = load_settings(corpus=corpus, index=index, max_tokens=100)
    assert "200 tokens, the settings say 100" in staleness(other)
    change(corpus)
    assert "has changed since the index was built" in staleness(settings)
    with pytest.raises(IndexStale, match=r"has changed.*run: qa index build$"):
        Assistant.open(settings=settings, build=False)
    monkeypatch.setattr("qa.assistant.model_identity", lambda model: "another@1")
    assert "built with the model hash@48, the settings name another@1" in staleness(settings)


def test_a_stale_index_is_rebuilt_on_opening(corpus, index, hash_model):
    change(corpus)
    answer = Assistant.open(corpus=corpus, index=index).ask("When did Alibaba release QwQ-32B?")
    assert "7 March 2025" in answer.text


def test_another_format_is_stale(corpus, index, hash_model):
    path = index / current_generation(index) / "manifest.json"
    path.write_text('{"format": 999}', encoding="utf-8")
    with pytest.raises(IndexStale, match="has format 999"):
        Snapshot.load(index)
    assert "format 999" in staleness(load_settings(corpus=corpus, index=index))


# --- missing and damaged ---------------------------------------------------------------------


@pytest.mark.parametrize("exists", [False, True])
def test_a_missing_index_says_what_to_run(tmp_path, shared_corpus, exists):
    folder = tmp_path / "none"
    if exists:
        folder.mkdir()
    with pytest.raises(IndexMissing, match=r"no index in .*none; run: qa index build"):
        Snapshot.load(folder)
    with pytest.raises(IndexMissing, match=r"no index in .*none; run: qa index build"):
        Assistant.open(corpus=shared_corpus, index=folder, build=False)


def files_of(index):
    names = sorted(p.name for p in (index / current_generation(index)).iterdir())
    assert len(names) > GENERATION_FILES
    return names


def test_every_missing_file_is_named(index):
    for name in files_of(index):
        path = index / current_generation(index) / name
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(IndexDamaged, match=rf"{name} is missing; run: qa index build"):
            Snapshot.load(index)
        path.write_bytes(kept)
    Snapshot.load(index)


def test_every_half_written_file_is_named(index):
    for name in files_of(index):
        path = index / current_generation(index) / name
        kept = path.read_bytes()
        path.write_bytes(kept[: len(kept) // 2])
        with pytest.raises(IndexDamaged, match=rf"{name} .*run: qa index build"):
            Snapshot.load(index)
        path.write_bytes(kept)


def test_every_flipped_byte_is_found(index):
    for name in files_of(index):
        if name == "manifest.json":  # what it says is compared with the corpus, the model and the files
            continue
        path = index / current_generation(index) / name
        kept = path.read_bytes()
        for position in (0, len(kept) // 2, len(kept) - 1):
            flipped = bytearray(kept)
            flipped[position] ^= 0x40
            path.write_bytes(flipped)
            with pytest.raises(IndexDamaged, match=rf"{name} has changed since it was built; run: qa index build --force"):
                Snapshot.load(index)
        path.write_bytes(kept)


@pytest.mark.parametrize("content", [b"", b"generation-gone\n", b"../..\n", b"\xff\xfe\x00", b"generation-x/../.."])
def test_a_broken_pointer_is_named(index, content):
    (index / "CURRENT").write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"CURRENT names .* which is not there; run: qa index build"):
        Snapshot.load(index)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xff", b'{"format": 1}'])
def test_a_broken_manifest_is_named(index, content):
    name = current_generation(index)
    (index / name / "manifest.json").write_bytes(content)
    with pytest.raises(IndexProblem, match=r"manifest\.json .*run: qa index build"):
        read_manifest(index, name)


@pytest.mark.parametrize("break_it", ["pointer", "manifest", "folder"])
def test_a_damaged_index_is_rebuilt_on_opening(corpus, index, hash_model, break_it):
    name = current_generation(index)
    if break_it == "pointer":
        (index / "CURRENT").write_text("generation-gone\n")
    elif break_it == "manifest":
        (index / name / "manifest.json").write_text('{"format": 1, "mod')
    else:
        shutil.rmtree(index / name)
    assistant = Assistant.open(corpus=corpus, index=index)
    assert "Liang Wenfeng" in assistant.ask("Who founded DeepSeek in Hangzhou?").text


def test_a_folder_of_other_files_is_refused_and_left_alone(corpus, tmp_path, hash_model):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(IndexDamaged, match=r"photos holds other files and no index \(found holiday\.jpg\); choose another folder"):
        Assistant.open(corpus=corpus, index=folder)
    assert [p.name for p in folder.iterdir()] == ["holiday.jpg"]
    assert (folder / "holiday.jpg").read_bytes() == b"precious"


def test_a_folder_that_cannot_be_made_is_named(corpus, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IndexDamaged, match=r"index folder .*file/index cannot be written: .*QA_INDEX or --index"):
        build(corpus, tmp_path / "file" / "index")


def test_an_index_is_read_from_folders_without_write_permission(corpus, index):
    paths = [index, *index.rglob("*")]
    modes = {p: p.stat().st_mode for p in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = sorted(str(p) for p in index.rglob("*"))
    try:
        assert open_hash(corpus, index).search("DeepSeek")
        assert sorted(str(p) for p in index.rglob("*")) == before  # nothing was written beside it either
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def test_nothing_in_an_index_is_pickled(index):
    for path in (index / current_generation(index)).rglob("*"):
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
        assert path.suffix not in (".pkl", ".pickle", ".pt", ".joblib")
        assert path.read_bytes()[:1] != b"\x80"


# --- builds that meet, and builds that are killed ----------------------------------------------


def test_a_second_build_says_that_one_is_running(corpus, index):
    before = generations(index)
    with (index / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(IndexBusy, match=r"another process is building in .*; wait"):
            build(corpus, index)
    assert generations(index) == before
    build(corpus, index)


class Killer(HashEmbedder):
    """Dies in the middle of a build as hard as a process can."""

    def encode(self, texts):
        for number, encoded in enumerate(super().encode(texts)):
            if number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            yield encoded


def in_a_killed_child(work) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_a_build_killed_while_encoding_costs_nothing(corpus, index):
    before = current_generation(index)
    in_a_killed_child(lambda: build(corpus, index, Killer(salt="new")))
    assert current_generation(index) == before
    assert "Liang Wenfeng" in open_hash(corpus, index).ask("Who founded DeepSeek in Hangzhou?").text
    assert build(corpus, index, HashEmbedder(salt="new")) == current_generation(index)


@pytest.mark.parametrize("at", ["qa.index.builder.write_store", "os.replace"])
def test_a_build_killed_while_writing_costs_nothing(corpus, index, at, monkeypatch):
    before = current_generation(index)

    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    def work():
        monkeypatch.setattr(at, die)
        build(corpus, index)

    in_a_killed_child(work)
    assert current_generation(index) == before
    assert len(generations(index)) == 2
    Snapshot.load(index)
    build(corpus, index)
    build(corpus, index)
    assert len(generations(index)) == 2
    for name in generations(index):
        read_manifest(index, name)


def test_readers_keep_their_generation_while_new_ones_are_built(corpus, index):
    reader = open_hash(corpus, index)
    question = "When did Alibaba release QwQ-32B?"
    before = bytes_of(reader.ask(question))
    change(corpus)
    build(corpus, index)
    assert reader.snapshot.generation in generations(index)
    assert bytes_of(reader.ask(question)) == before
    assert "7 March 2025" in open_hash(corpus, index).ask(question).text


def test_old_generations_are_collected(corpus, index):
    names = [current_generation(index)]
    for _ in range(3):
        names.append(build(corpus, index))
    assert generations(index) == sorted(names[-2:])
    shutil.copytree(index / names[-1], index / "generation-20000101T000000000000")
    assert collect(index) == ["generation-20000101T000000000000"]
    assert generations(index) == sorted(names[-2:])
