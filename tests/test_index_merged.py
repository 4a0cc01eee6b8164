"""Words of many segments joined: the same scores, nothing left of what was removed, damage found, kills survived."""

import shutil
import signal

import numpy as np
import pytest
from samples import HashEmbedder
from test_index_crash import CHANGES, Killer, in_a_child
from test_index_update import document, found, intact, update

from qa.documents import load_corpus
from qa.errors import IndexDamaged
from qa.index import Snapshot, build_index, current_generation, files, merged, resident, update_index, verify_index
from qa.index.files import Rows
from qa.index.lexical import LexicalIndex, Postings, digest_of
from qa.index.segment import LEXICAL, Segment


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let a small index count as large."""
    monkeypatch.setattr(merged, "SMALL", 0)
    monkeypatch.setattr(merged, "WAITING", 3)
    monkeypatch.setattr(merged, "_AT_ONCE", 200)
    yield
    files.on_step = None


@pytest.fixture
def folder(tmp_path):
    """An index of five segments with joined words."""
    for first in range(0, 9, 3):
        update(tmp_path / "index", [document(n) for n in range(first, first + 3)])
    update(tmp_path / "index", [document(9), document(10)])
    return tmp_path / "index"


def words_of(folder):
    return sorted(p.name for p in folder.glob("words-*"))


def apart(folder):
    """Return the word indexes of a folder's segments, read one by one."""
    entries = Snapshot.load(folder).manifest.segments
    return {name: LexicalIndex([Segment(folder / e.name, e).postings(name) for e in entries]) for name in LEXICAL}


def joined(folder):
    snapshot = Snapshot.load(folder)
    return {"words": snapshot.words, "sentence_words": snapshot.sentence_words, "titles": snapshot.titles}


def scores_of(folder):
    return [index.scores(["wagon", "district", "part", "1", "2"]).tolist() for index in joined(folder).values()]


def test_scores_are_those_of_the_segments_read_one_by_one(folder):
    assert len(words_of(folder)) == 1
    one, other = joined(folder), apart(folder)
    for name in ("words", "sentence_words"):
        assert len(one[name].parts) < len(other[name].parts)
        for terms in (["wagon", "district", "bridge"], ["7"], ["nowhere"], [], ["lantern", "meadow", "copper", "3"]):
            assert np.array_equal(one[name].scores(terms), other[name].scores(terms))
            rows = np.asarray([5, 0, 10])
            assert np.array_equal(one[name].weights_at(rows, terms), other[name].weights_at(rows, terms))
            assert [one[name].find(t).texts for t in terms] == [other[name].find(t).texts for t in terms]


def test_searches_find_the_same_with_joined_words(folder, monkeypatch):
    with_words = found(folder)
    monkeypatch.setattr(merged, "SMALL", 1000)
    update(folder, [document(99)], [])
    update(folder, [], ["d99"])
    assert words_of(folder) == []
    assert found(folder) == with_words


def test_new_segments_wait_until_they_are_many(folder):
    before = words_of(folder)
    update(folder, [document(50)])
    assert words_of(folder) == before
    assert "50" in joined(folder)["words"]
    assert found(folder)["engine 2"]
    update(folder, [document(51), document(52), document(53)])
    assert words_of(folder) != before
    assert len(words_of(folder)) == 1
    assert len(joined(folder)["words"].parts) == 1
    assert intact(folder)


def test_nothing_is_left_of_a_removed_document(folder):
    update(folder, [document(60, extra="The quokkas of Zanzibar."), document(61), document(62), document(63)])
    digests = [digest_of(t).to_bytes(8, "little") for t in ("quokka", "zanzibar")]
    held = [p for p in folder.rglob("*") if p.is_file() and any(d in p.read_bytes() for d in digests)]
    assert any(p.parent.name.startswith("words-") for p in held)
    update(folder, [], ["d60"])
    assert not [p for p in folder.rglob("*") if p.is_file() and any(d in p.read_bytes() for d in digests)]
    assert intact(folder)


def test_two_folders_are_read_as_one(folder, tmp_path):
    update(tmp_path / "own", [document(70), document(71)])
    update(tmp_path / "own", [document(72), document(73), document(74)])
    assert len(words_of(tmp_path / "own")) == 1
    both = Snapshot.load(folder, tmp_path / "own")
    update(tmp_path / "all", [document(n) for n in [*range(11), *range(70, 75)]])
    query = ["wagon", "district", "72"]
    whole = Snapshot.load(tmp_path / "all").words.scores(query)
    assert sorted(both.words.scores(query).tolist()) == pytest.approx(sorted(whole.tolist()))
    assert both.passages[int(both.words.scores(["72"]).argmax())].document_id == "d72"


def test_damage_is_found_at_the_first_use_named_and_repaired(folder):
    for path in sorted((folder / words_of(folder)[0]).iterdir()):
        copy = folder.parent / f"copy of {path.name}"
        shutil.copytree(folder, copy)
        damaged = copy / path.parent.name / path.name
        raw = bytearray(damaged.read_bytes())
        raw[len(raw) // 2] ^= 0x10
        damaged.write_bytes(raw)
        with pytest.raises(IndexDamaged, match=path.name):
            scores_of(copy)
        (problem,) = verify_index(copy).problems
        assert str(damaged) in problem
        embedder = HashEmbedder()
        report = verify_index(copy, repair=True, embedder=embedder)
        assert embedder.encoded == []
        assert "was written anew" in " ".join(report.repaired)
        assert intact(copy)
        assert found(copy) == found(folder)
    shutil.rmtree(folder / words_of(folder)[0])
    with pytest.raises(IndexDamaged, match=r"words.json is missing"):
        Snapshot.load(folder)
    assert any("words.json is missing" in p for p in verify_index(folder).problems)


@pytest.mark.parametrize("name", ["add", "remove"])
def test_a_process_killed_while_words_are_joined_costs_nothing(corpus, tmp_path, monkeypatch, name):
    monkeypatch.setattr(merged, "WAITING", 0)
    folder, work = tmp_path / "index", CHANGES[name]
    build_index(load_corpus(corpus), folder, HashEmbedder(), 200)
    update_index(folder, [document(1), document(2)], [], HashEmbedder(), 200)
    assert len(words_of(folder)) == 1
    shutil.copytree(folder, tmp_path / "after")
    kinds: list[str] = []
    files.on_step = lambda kind, path: kinds.append(path.parent.name)
    work(corpus, tmp_path / "after")
    files.on_step = None
    moments = [n for n, parent in enumerate(kinds) if parent.startswith("words-")]
    assert len(moments) > 20
    before, after = (set(Snapshot.load(f).documents) for f in (folder, tmp_path / "after"))
    for moment in moments[::6]:
        shutil.copytree(folder, tmp_path / "work")

        def killed(moment=moment):
            files.on_step = Killer(moment)
            work(corpus, tmp_path / "work")

        assert in_a_child(killed) == signal.SIGKILL
        assert set(Snapshot.load(tmp_path / "work").documents) in (before, after)
        assert verify_index(tmp_path / "work").problems == ()
        work(corpus, tmp_path / "work")
        assert set(Snapshot.load(tmp_path / "work").documents) == after
        assert verify_index(tmp_path / "work").problems == ()
        assert words_of(tmp_path / "work") == [Snapshot.load(tmp_path / "work").manifest.words.name]
        assert [p.name for p in (tmp_path / "work").glob("generation-*")] == [current_generation(tmp_path / "work")]
        shutil.rmtree(tmp_path / "work")


def test_a_term_is_found_in_a_table_too_large_to_be_read_whole(monkeypatch):
    monkeypatch.setattr(files, "SMALL", 10)
    for digests in (
        np.sort(np.random.default_rng(1).integers(0, 1 << 63, 5000, dtype=np.uint64) * np.uint64(2)),  # as digests are
        np.arange(5000, dtype=np.uint64),  # all at one end
        np.uint64(2**64 - 1) - np.arange(5000, dtype=np.uint64)[::-1],
    ):
        digests = np.unique(digests)
        count = len(digests)
        postings = Postings(Rows(digests), Rows(np.arange(count + 1)), *[Rows(np.zeros(1, np.uint32))] * 3, summed=None)
        for at in (0, 1, 17, count // 2, count - 2, count - 1):
            assert postings.find(digests[at]) == (at, at + 1)
        for absent in (digests[0] + np.uint64(1), np.uint64(1 << 63) + np.uint64(1)):
            if absent not in digests:
                assert postings.find(absent) == (0, 0)


def test_some_documents_are_the_first_of_each_segment(folder):
    documents = Snapshot.load(folder).documents
    assert {d.id for d in documents.some(100)} == set(documents)
    assert [d.id for d in documents.some(5)] == ["d0", "d1", "d3", "d4", "d6", "d7", "d9"]


def test_rows_of_large_files_are_read_and_checked_as_mapped_ones(folder, monkeypatch):
    rows = np.asarray([9, 0, 4, 4, 10, 2])
    mapped = Snapshot.load(folder)
    starts, stops = mapped.token_rows[rows], mapped.token_rows[rows + 1]
    monkeypatch.setattr(files, "_LARGE", 1)
    read = Snapshot.load(folder)
    for snapshot in (mapped, read, read):
        assert np.array_equal(snapshot.vectors.take(rows), np.stack([mapped.vectors[int(r)] for r in rows]))
        assert np.array_equal(snapshot.tokens.runs(starts, stops), np.concatenate([mapped.tokens[a:b] for a, b in zip(starts, stops, strict=True)]))
    assert found(folder)["engine 2"]
    for name in ("vectors", "tokens"):
        segment = sorted(folder.glob("segment-*"))[1]
        raw = bytearray((segment / name).read_bytes())
        raw[len(raw) // 2] ^= 1
        (segment / name).write_bytes(raw)
    damaged = Snapshot.load(folder)
    for again in range(2):
        with pytest.raises(IndexDamaged, match="vectors has changed"):
            damaged.vectors.take(np.arange(11))
        with pytest.raises(IndexDamaged, match="tokens has changed"):
            damaged.tokens.runs(damaged.token_rows[:-1], damaged.token_rows[1:])
        assert np.array_equal(damaged.vectors.take([0]), mapped.vectors.take([0])), again


def test_pages_given_back_are_read_again(folder, monkeypatch):
    monkeypatch.setattr(resident, "RELEASED", 1)
    snapshot = Snapshot.load(folder)
    before = snapshot.words.scores(["wagon", "7"]), snapshot.vectors.take([3, 1]), snapshot.documents["d3"]
    assert all([resident.release(0) for _ in range(8)])
    assert not resident.release(1 << 50)
    after = snapshot.words.scores(["wagon", "7"]), snapshot.vectors.take([3, 1]), snapshot.documents["d3"]
    assert all(np.array_equal(a, b) for a, b in zip(before[:2], after[:2], strict=True))
    assert before[2] == after[2]
