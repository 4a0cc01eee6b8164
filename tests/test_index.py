import fcntl
import json
import shutil

import pytest
from samples import CASES, DOCUMENTS, HashEmbedder, open_hash

from qa.assistant import Assistant, staleness
from qa.documents import load_corpus
from qa.errors import IndexBusy, IndexDamaged, IndexMissing, IndexProblem, IndexStale
from qa.index import Snapshot, build_index, collect, current_generation, read_manifest, update_index
from qa.index.lexical import PARTS
from qa.settings import load_settings

GENERATION_FILES = 20  # fewer would mean that something moved and the tests below look in the wrong place


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
    assert manifest.passages == len(snapshot.passages) == len(snapshot.vectors)
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
    assert vectors_of(tmp_path / "index") == vectors_of(fresh)


def vectors_of(folder) -> dict[str, tuple[bytes, bytes, bytes]]:
    """Return what the model said of each passage."""
    snapshot = Snapshot.load(folder)
    spans = zip(snapshot.sentence_rows, snapshot.sentence_rows[1:], snapshot.token_rows, snapshot.token_rows[1:], strict=False)
    return {
        p.id: (v.tobytes(), snapshot.sentence_vectors[a:b].tobytes(), snapshot.tokens[c:d].tobytes())
        for p, v, (a, b, c, d) in zip(snapshot.passages, snapshot.vectors[: len(snapshot.passages)], spans, strict=True)
    }


def test_another_model_shares_nothing_with_what_is_there(corpus, tmp_path):
    build(corpus, tmp_path / "index")
    other = HashEmbedder(salt="other")
    build(corpus, tmp_path / "index", other)
    assert len(other.encoded) == len(Snapshot.load(tmp_path / "index").passages)


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
    """Return every file of the current generation and its segments."""
    found = sorted(p for p in index.rglob("*") if p.is_file() and p.name not in (".lock", "CURRENT"))
    assert len(found) > GENERATION_FILES
    return found


def test_every_missing_file_is_named(index):
    for path in files_of(index):
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(IndexDamaged, match=rf"{path.name} is missing; run: qa index build"):
            Snapshot.load(index)
        path.write_bytes(kept)
    Snapshot.load(index)


def test_every_half_written_file_is_named(index):
    for path in files_of(index):
        kept = path.read_bytes()
        path.write_bytes(kept[: len(kept) // 2])
        with pytest.raises(IndexDamaged, match=rf"{path.name} .*run: qa index build"):
            Snapshot.load(index)
        path.write_bytes(kept)


NOT_READ = ("keys",)  # what no answer needs


def test_every_flipped_byte_is_found_before_an_answer_rests_on_it(corpus, index):
    for path in files_of(index):
        kept = path.read_bytes()
        for position in (0, len(kept) // 2, len(kept) - 1):
            flipped = bytearray(kept)
            flipped[position] ^= 0x40
            path.write_bytes(flipped)
            if path.name not in NOT_READ:
                with pytest.raises(IndexProblem, match=rf"{path.name}.* run: qa index build"):
                    answer_everything(corpus, index)
        path.write_bytes(kept)
    answer_everything(corpus, index)


def answer_everything(corpus, index) -> list[str]:
    assistant = open_hash(corpus, index)
    assert len(assistant.documents) == len(DOCUMENTS)
    return [bytes_of(assistant.ask(question)) for question, _, _ in CASES]


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


def test_files_are_plain_tables_and_json_without_pickles(index):
    for path in files_of(index):
        assert path.suffix in ("", ".json", *(f".{part}" for part in PARTS)), path
        if path.suffix == ".json":
            json.loads(path.read_bytes())


# --- builds that meet, and builds that are killed ----------------------------------------------


def test_a_second_build_says_that_one_is_running(corpus, index):
    before = generations(index)
    with (index / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(IndexBusy, match=r"another process is building in .*; wait"):
            build(corpus, index)
    assert generations(index) == before
    build(corpus, index)


def test_readers_keep_their_generation_while_new_ones_are_built(corpus, index):
    reader = open_hash(corpus, index)
    question = "When did Alibaba release QwQ-32B?"
    change(corpus)
    build(corpus, index)
    assert reader.snapshot.generation not in generations(index)
    assert "6 March 2025" in reader.ask(question).text
    assert "7 March 2025" in open_hash(corpus, index).ask(question).text


def test_a_reader_that_meets_a_switch_opens_the_newer_generation(corpus, index, monkeypatch):
    old, opened = current_generation(index), []

    def slow(folder, generation):
        if not opened:
            build(corpus, index)
        opened.append(generation)
        return read_manifest(folder, generation)

    monkeypatch.setattr("qa.index.snapshot.read_manifest", slow)
    assert Snapshot.load(index).generation == current_generation(index) != old
    assert opened == [old, current_generation(index)]


def test_what_no_generation_needs_is_collected(corpus, index):
    names = [current_generation(index)]
    for _ in range(3):
        names.append(build(corpus, index))
    assert generations(index) == names[-1:]
    shutil.copytree(index / names[-1], index / "generation-20000101T000000000000")
    (index / "segment-00000000000000000001").mkdir()
    assert collect(index) == ["generation-20000101T000000000000", "segment-00000000000000000001"]
    assert generations(index) == names[-1:]
    Snapshot.load(index)


def test_a_folder_without_an_index_cannot_be_collected(tmp_path):
    with pytest.raises(IndexMissing, match="no index in"):
        collect(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_nothing_is_written_into_a_folder_of_other_files(corpus, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"precious")
    for work in (lambda: build(corpus, folder), lambda: update_index(folder, [], [], HashEmbedder(), 200), lambda: collect(folder)):
        with pytest.raises(IndexDamaged, match="holds other files and no index"):
            work()
    assert [p.name for p in folder.iterdir()] == ["holiday.jpg"]


def test_an_index_of_the_format_before_is_built_anew(corpus, index):
    name = current_generation(index)
    shutil.rmtree(index / name)
    for path in index.glob("segment-*"):
        shutil.rmtree(path)
    (index / name).mkdir()
    (index / name / "manifest.json").write_text('{"format": 4, "model": "hash@48"}')
    (index / name / "store.sqlite").write_bytes(b"an old file")
    (index / "cache.sqlite").write_bytes(b"an old cache")
    (index / "CURRENT").write_text(f"{name}\n")
    with pytest.raises(IndexStale, match="has format 4, this version reads 5; run: qa index build"):
        Snapshot.load(index)
    with pytest.raises(IndexStale, match="has format 4"):
        update_index(index, [], [], HashEmbedder(), 200)
    build(corpus, index)
    assert len(Snapshot.load(index).documents) == len(DOCUMENTS)
    assert not (index / "cache.sqlite").exists()
    assert generations(index) == [current_generation(index)]
