"""Documents that come and go: what is encoded, what is left, and that scores don't depend on the way there."""

import random

import numpy as np
import pytest
from samples import DOCUMENTS, HashEmbedder

from qa.documents import load_corpus
from qa.documents.corpus import Corpus
from qa.documents.model import Document, Section
from qa.errors import IndexStale
from qa.index import Snapshot, build_index, update_index, verify_index
from qa.index.lexical import digest_of
from qa.index.segment import SEGMENT_PASSAGES
from qa.retrieval.filters import Filters
from qa.retrieval.search import Searcher

WORDS = "harbour orchard theatre engine village bridge signal copper lantern meadow".split()


def document(number: int, sentences: int = 4, language: str = "en", extra: str = "") -> Document:
    """Make a document of sentences that no other one has."""
    lines = [
        f"The {WORDS[(number + i) % 10]} of district {number} counted {number * 31 + i} wagons near {WORDS[(number * 3 + i) % 10]} {i}."
        for i in range(sentences)
    ]
    text = " ".join([*lines, extra]).strip()
    section = Section(heading=f"Part {number % 7}", start=0, end=len(text))
    title = f"District {number % 50}"
    return Document(id=f"d{number}", title=title, language=language, topic="chips", as_of="2025-01-01", text=text, sections=(section,))  # type: ignore[arg-type]


def update(folder, add=(), remove=(), embedder=None) -> HashEmbedder:
    embedder = embedder or HashEmbedder()
    update_index(folder, list(add), list(remove), embedder, 60)
    return embedder


def found(folder, *more) -> dict[str, list[tuple[str, float]]]:
    """Return the hits of some queries with their scores."""
    searcher = Searcher(Snapshot.load(folder, *more), HashEmbedder())
    queries = ("wagons near the bridge of district 7", "engine 2", "lantern meadow copper", "District 3 Part 3 theatre")
    return {q: [(h.passage_id, h.score) for h in searcher.search(q, 8)] for q in queries}


def same(one, other) -> bool:
    """Tell whether the same passages were found with the same scores; equal ones may stand in any order."""
    return all({p: pytest.approx(s, abs=2e-4) for p, s in hits} == dict(other[query]) for query, hits in one.items())


def intact(folder) -> bool:
    return verify_index(folder).problems == ()


def test_one_build_and_many_additions_and_removals_rank_alike(tmp_path):
    documents = [document(n) for n in range(40)]
    update(tmp_path / "once", documents)
    rng = random.Random(5)
    order = documents + [document(n, extra="An older sentence.") for n in range(40, 50)]
    rng.shuffle(order)
    for n in range(0, len(order), 3):
        update(tmp_path / "often", order[n : n + 3], [d.id for d in order[max(0, n - 9) : n] if int(d.id[1:]) >= 40])
    update(tmp_path / "often", (), [f"d{n}" for n in range(40, 50)])
    once, often = Snapshot.load(tmp_path / "once"), Snapshot.load(tmp_path / "often")
    assert set(once.documents) == set(often.documents)
    assert same(found(tmp_path / "once"), found(tmp_path / "often"))
    assert intact(tmp_path / "once")
    assert intact(tmp_path / "often")
    for word in ("wagon", "harbour", "7"):
        assert once.words.idf(word) == often.words.idf(word)
        assert once.sentence_words.idf(word) == often.sentence_words.idf(word)
        assert once.titles.idf("district") == often.titles.idf("district")


def test_an_addition_encodes_only_its_own_passages(tmp_path):
    update(tmp_path, [document(n) for n in range(30)])
    embedder = update(tmp_path, [document(99)])
    assert len(embedder.encoded) == sum(p.document_id == "d99" for p in Snapshot.load(tmp_path).passages)
    assert update(tmp_path, [document(99), document(3)]).encoded == []


def test_a_removal_encodes_nothing(tmp_path):
    update(tmp_path, [document(n) for n in range(30)])
    assert update(tmp_path, remove=["d4", "d29", "nobody"]).encoded == []
    assert set(Snapshot.load(tmp_path).documents) == {f"d{n}" for n in range(30)} - {"d4", "d29"}


def test_a_new_version_replaces_the_old_one(tmp_path):
    update(tmp_path, [document(n) for n in range(5)])
    update(tmp_path, [document(2, extra="A quokka came by.")])
    snapshot = Snapshot.load(tmp_path)
    assert len(snapshot.documents) == 5
    assert "quokka" in snapshot.documents["d2"].text
    assert "quokka" in snapshot.words
    update(tmp_path, [document(2)], ["d2"])  # the same call may name one for both
    assert "quokka" not in Snapshot.load(tmp_path).words
    assert len(Snapshot.load(tmp_path).documents) == 5


def test_segments_stay_few(tmp_path):
    for n in range(80):
        update(tmp_path, [document(n)])
    snapshot = Snapshot.load(tmp_path)
    assert len(snapshot.manifest.segments) <= 16
    assert len(snapshot.documents) == 80
    assert len(list(tmp_path.glob("segment-*"))) == len(snapshot.manifest.segments)
    assert intact(tmp_path)


def test_an_index_can_be_emptied_and_filled_again(tmp_path):
    update(tmp_path, [document(1), document(2)])
    update(tmp_path, remove=["d1", "d2"])
    snapshot = Snapshot.load(tmp_path)
    assert (len(snapshot.passages), len(snapshot.documents), list(tmp_path.glob("segment-*"))) == (0, 0, [])
    assert all(hits == [] for hits in found(tmp_path).values())
    update(tmp_path, [document(3)])
    assert set(Snapshot.load(tmp_path).documents) == {"d3"}


def test_a_document_without_text_is_kept(tmp_path):
    empty = Document(id="empty", title="Nothing", language="en", topic="", as_of="", text="", sections=())
    update(tmp_path, [empty, document(1)])
    update(tmp_path, [document(2)], ["d1"])
    assert set(Snapshot.load(tmp_path).documents) == {"empty", "d2"}
    assert intact(tmp_path)


def test_another_model_or_passage_size_is_refused(tmp_path):
    update(tmp_path, [document(1)])
    with pytest.raises(IndexStale, match=r"built with hash@48 at 60 tokens, not hashnew@48 at 60; build it anew"):
        update(tmp_path, [document(2)], embedder=HashEmbedder(salt="new"))
    with pytest.raises(IndexStale, match=r"not hash@48 at 70"):
        update_index(tmp_path, [document(2)], [], HashEmbedder(), 70)


def test_several_folders_are_read_as_one(tmp_path):
    documents = [document(n) for n in range(24)]
    update(tmp_path / "whole", documents)
    update(tmp_path / "left", documents[:15])
    update(tmp_path / "right", documents[15:])
    both = Snapshot.load(tmp_path / "left", tmp_path / "right", tmp_path / "none yet")
    assert set(both.documents) == {d.id for d in documents}
    assert both.manifest.passages == len(both.passages)
    assert same(found(tmp_path / "whole"), found(tmp_path / "left", tmp_path / "right"))
    for n, passage in enumerate(both.passages):
        assert both.documents[passage.document_id].text[passage.start : passage.end].startswith("The ")
        assert len(both.token_sentences(n)) == both.token_rows[n + 1] - both.token_rows[n]
        assert both.token_sentences(n).max() < both.sentence_rows[n + 1]
    build_other = HashEmbedder(salt="other")
    update(tmp_path / "other", [document(77)], embedder=build_other)
    with pytest.raises(IndexStale, match="build both with one"):
        Snapshot.load(tmp_path / "left", tmp_path / "other")


def test_filters_reach_into_every_segment(tmp_path):
    update(tmp_path, [document(n) for n in range(6)])
    update(tmp_path, [document(n) for n in range(6, 12)])
    searcher = Searcher(Snapshot.load(tmp_path), HashEmbedder())
    hits = searcher.search("wagons of the district", 10, Filters(documents=("d2", "d9", "nobody")))
    assert {h.document_id for h in hits} == {"d2", "d9"}


def test_a_build_takes_out_what_the_corpus_lost(corpus, tmp_path):
    whole = load_corpus(corpus)
    build_index(whole, tmp_path / "index", HashEmbedder(), 200)
    fewer = Corpus(whole.folder, whole.documents[2:], whole.glossary)
    embedder = HashEmbedder()
    build_index(fewer, tmp_path / "index", embedder, 200)
    assert embedder.encoded == []
    assert len(Snapshot.load(tmp_path / "index").documents) == len(DOCUMENTS) - 2
    build_index(fewer, tmp_path / "index", embedder, 200, fresh=True)
    assert len(embedder.encoded) == len(Snapshot.load(tmp_path / "index").passages)


def test_a_large_addition_is_cut_into_segments(tmp_path, monkeypatch):
    assert SEGMENT_PASSAGES > 1000
    monkeypatch.setattr("qa.index.change.SEGMENT_PASSAGES", 20)
    monkeypatch.setattr("qa.index.change.WINDOW", 8)
    calls = []
    update_index(tmp_path, [document(n) for n in range(60)], [], HashEmbedder(), 60, lambda done, total: calls.append((done, total)))
    snapshot = Snapshot.load(tmp_path)
    assert len(snapshot.manifest.segments) == 3
    assert calls[-1] == (len(snapshot.passages), len(snapshot.passages))
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1))
    # The total is an estimate at first, and a fair one.
    assert 0.5 < calls[0][1] / len(snapshot.passages) < 2
    assert intact(tmp_path)


def removed_words(text: str) -> list[bytes]:
    return [word.encode(coding) for word in text.split() for coding in ("utf-8", "utf-16-le", "utf-16-be")]


def test_a_removal_leaves_no_trace(tmp_path):
    """No word of it stands in any file, in whatever form: as text, as a stem, as a term's digest, as a vector."""
    secret = "Zyxwvutsrq quokkafying Brontosaurian 秘密鹦鹉"
    hidden = document(500, sentences=2, extra=f"{secret} once said the {secret} parrot.").model_copy(
        update={"title": "Xylophonists unite", "id": "secret-id-4711", "topic": "zanzibar"}
    )
    folder = tmp_path / "index"
    update(folder, [document(n) for n in range(12)])
    update(folder, [hidden, *(document(n) for n in range(20, 30))])
    for n in range(30, 34):
        update(folder, [document(n)])
    traces = [
        *removed_words(secret),
        *removed_words("zyxwvutsrq quokkafi quokkafying brontosaurian Xylophonists xylophonist secret-id-4711 zanzibar 鹦鹉"),
        *distinct_numbers(folder, "secret-id-4711"),
    ]
    assert found_in(folder, traces)
    update(folder, remove=["secret-id-4711"])
    assert found_in(folder, traces) == []
    assert len(Snapshot.load(folder).documents) == 26
    assert intact(folder)


def distinct_numbers(folder, document_id) -> list[bytes]:
    """Return the bytes of a document's vectors, and the digests of words that it alone holds."""
    snapshot = Snapshot.load(folder)
    rows = [n for n, p in enumerate(snapshot.passages) if p.document_id == document_id]
    found = [snapshot.vectors[n].tobytes() for n in rows]
    return found + [np.uint64(digest_of(term)).tobytes() for term in ("zyxwvutsrq", "brontosaurian", "秘密")]


def found_in(folder, traces) -> list[tuple[str, bytes]]:
    return [(path.name, trace) for path in folder.rglob("*") if path.is_file() for trace in traces if trace in path.read_bytes()]
