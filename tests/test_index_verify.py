"""Checks of every digest, count and offset, and repairs."""

import re
import shutil

import numpy as np
import pytest
from samples import DOCUMENTS, HashEmbedder

from qa.documents import load_corpus
from qa.errors import IndexDamaged, IndexMissing, IndexStale
from qa.index import Snapshot, current_generation, update_index, verify_index
from qa.index.files import BLOCK, Output, Rows, sha256_of
from qa.index.segment import TABLES, SegmentInfo
from qa.index.snapshot import Manifest


def segments(folder):
    return sorted(folder.glob("segment-*"))


@pytest.fixture
def two(index, corpus):
    """The sample index with a second segment."""
    twin = load_corpus(corpus).documents[0].model_copy(update={"id": "twin", "title": "The twin"})
    update_index(index, [twin], [], HashEmbedder(), 200)
    return index


def test_an_intact_index_has_no_problems(two):
    report = verify_index(two)
    assert report.problems == report.repaired == ()
    assert report.generation == current_generation(two)
    assert report.files == 2 * (len(TABLES) + 1) + 2
    assert report.bytes == sum(f.stat().st_size for s in segments(two) for f in s.iterdir())


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "remove"])
def test_every_damaged_file_is_named_and_repaired(two, damage):
    whole = set(Snapshot.load(two).documents)
    for name in sorted(p.name for p in segments(two)[0].iterdir()):
        folder = two.parent / f"copy of {name}"
        shutil.copytree(two, folder)
        path = segments(folder)[0] / name
        raw = bytearray(path.read_bytes())
        if damage == "flip":
            raw[len(raw) // 2] ^= 0x10
        path.write_bytes({"flip": raw, "cut": raw[: len(raw) // 2], "grow": raw + raw[:8], "remove": b""}[damage])
        if damage == "remove":
            path.unlink()
        (problem,) = verify_index(folder).problems
        assert str(path) in problem
        assert "missing" in problem if damage == "remove" else "changed" in problem
        originals = {d.id: d for d in Snapshot.load(two).documents.values()}
        embedder = HashEmbedder()
        report = verify_index(folder, originals.get, repair=True, embedder=embedder)
        assert len(report.problems) == 1
        assert verify_index(folder).problems == ()
        if not (name == "documents" and damage in ("cut", "remove")):  # then even the names are gone
            assert set(Snapshot.load(folder).documents) == whole
        else:
            assert "the names of the others cannot be read" in " ".join(report.repaired)
            assert Snapshot.load(folder).manifest.corpus == ""
        # What the damage did not reach was not encoded again.
        assert len(embedder.encoded) <= (len(Snapshot.load(two).passages) if name in ("vectors", "sentences", "tokens", "owners", "keys") else 0)


def test_without_sources_the_lost_document_is_named(two):
    path = next(s / "documents" for s in segments(two) if (s / "documents").stat().st_size > 3000)
    raw = path.read_bytes()
    at = raw.index(b"Liang Wenfeng")
    path.write_bytes(raw[:at] + b"Wang" + raw[at + 4 :])
    report = verify_index(two, repair=True, embedder=HashEmbedder())
    assert any("add these again: deepseek-r1" in sentence for sentence in report.repaired)
    snapshot = Snapshot.load(two)
    assert set(snapshot.documents) == {*DOCUMENTS, "twin"} - {"deepseek-r1"}
    assert snapshot.manifest.corpus == ""  # so that the corpus is read again when it is next opened


def test_a_damaged_glossary_is_found(two):
    path = two / current_generation(two) / "glossary.json"
    path.write_text("[]")
    assert verify_index(two).problems == (f"{path} has changed since it was built",)
    verify_index(two, repair=True, embedder=HashEmbedder())
    assert verify_index(two).problems == ()
    assert Snapshot.load(two).manifest.corpus == ""


def test_a_repair_needs_the_model(two):
    (segments(two)[0] / "keys").unlink()
    with pytest.raises(ValueError, match="needs the model"):
        verify_index(two, repair=True)


def test_what_cannot_be_checked_says_why(two, tmp_path):
    with pytest.raises(IndexMissing):
        verify_index(tmp_path / "nothing")
    manifest = two / current_generation(two) / "manifest.json"
    kept = manifest.read_text()
    manifest.write_text(kept.replace("hash@48", "hash@49"))
    with pytest.raises(IndexDamaged, match=r"manifest\.json has changed"):
        verify_index(two)
    manifest.write_text(kept.replace('"format": 5', '"format": 4'))
    with pytest.raises(IndexStale, match="has format 4, this version reads 5; run: qa index build"):
        verify_index(two)


# --- contents that never were right: every digest fits, and still ---------------------------------


def forge(folder, name: str, change) -> None:
    """Change a table of the first segment and every digest above it."""
    generation = folder / current_generation(folder)
    manifest = Manifest.model_validate_json((generation / "manifest.json").read_bytes())
    entry = manifest.segments[0]
    path = folder / entry.name
    info = SegmentInfo.model_validate_json((path / "segment.json").read_bytes())
    dtype, width = TABLES[name]
    wide = {"dim": info.dim, "token_dim": info.token_dim}.get(width, width)
    values = np.fromfile(path / name, dtype=dtype)
    values = values.reshape(-1, wide) if wide else values
    values = change(values)
    (path / name).unlink()
    output = Output(path / name)
    output.write(values)
    files = {**info.files, name: output.close()}
    text = info.model_copy(update={"files": files}).model_dump_json()
    (path / "segment.json").write_text(text)
    forged = manifest.model_copy(update={"segments": (entry.model_copy(update={"sha256": sha256_of(text.encode())}), *manifest.segments[1:])})
    (generation / "manifest.json").write_text(forged.model_dump_json())
    (folder / "CURRENT").write_text(f"{generation.name} {sha256_of(forged.model_dump_json().encode())}\n")


def changed(field, row, value):
    def change(values):
        if field is None:
            values[row] = value
        else:
            values[field][row] = value
        return values

    return change


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("passages", changed("start", 0, -5), "lies outside of its place"),
        ("passages", changed("stop", -1, 10**8), "lies outside of its place"),
        ("passages", changed("section", 0, 99), "lies outside of its place"),
        ("passages", changed("document", 0, 3), "passages do not follow their documents"),
        ("passages", changed("title", 0, 10_000), "name titles that are not there"),
        ("passages", changed("sentences", 0, 40), "sentences of passages instead of"),
        ("passages", changed("tokens", 0, 4000), "tokens of passages instead of"),
        ("spans", changed(None, 0, (5, 2)), "sentences of the passage of .* lie outside of it"),
        ("spans", changed(None, 0, (0, 10**7)), "sentences of the passage of .* lie outside of it"),
        ("records", changed("digest", 0, 7), "is not the one that was written"),
        ("vectors", changed(None, 0, np.nan), "vectors of 1 passages are not of unit length, the first is number 0"),
        ("vectors", changed(None, 2, 1.0), "vectors of 1 passages are not of unit length, the first is number 2"),
        ("sentences", changed(None, 1, 0.0), "vectors of 1 sentences are not of unit length"),
        ("owners", changed(None, 0, 500), "tokens name sentences that their passage does not have"),
        ("words.rows", changed(None, 0, 10**6), "postings of words name texts that are not there"),
        ("words.counts", changed(None, 0, 60_000), "count more words than their texts have"),
        ("words.counts", changed(None, 0, 0), "postings of words name texts that are not there"),
        ("words.terms", lambda values: values[::-1], "terms of words are not in order"),
        ("sentence_words.starts", changed(None, 1, 10**6), "table of sentence_words does not fit"),
        ("titles.lengths", changed(None, 0, 999), "lengths of titles do not fit"),
        ("vectors", lambda values: values[:-1], "holds .* rows instead of"),
    ],
)
def test_numbers_that_cannot_be_are_found(two, name, change, words):
    forge(two, name, change)
    problems = " ".join(verify_index(two).problems)
    assert re.search(words, problems), problems


def test_sizes_are_checked_before_memory_is_taken(tmp_path):
    output = Output(tmp_path / "numbers")
    output.write(np.arange(20_000, dtype="<i8"))
    entry = output.close()
    assert len(entry.blocks) == -(-20_000 * 8 // BLOCK) == 3
    assert Rows.open(tmp_path / "numbers", entry, "<i8")[19_999:20_000].tolist() == [19_999]
    for wrong in ({"size": 10**15}, {"size": entry.size - 8}, {"blocks": entry.blocks[:-1]}):
        with pytest.raises(IndexDamaged, match="numbers has changed since it was built"):
            Rows.open(tmp_path / "numbers", entry.model_copy(update=wrong), "<i8")
    with pytest.raises(IndexDamaged, match="numbers has changed"):
        Rows.open(tmp_path / "numbers", entry, "<i8", 7)


def test_only_the_blocks_that_are_used_are_read_and_checked(tmp_path):
    output = Output(tmp_path / "numbers")
    for part in np.split(np.arange(400_000, dtype="<i8"), 40):
        output.write(part)
    entry = output.close()
    raw = bytearray((tmp_path / "numbers").read_bytes())
    raw[2 * BLOCK + 5] ^= 1
    (tmp_path / "numbers").write_bytes(raw)
    rows = Rows.open(tmp_path / "numbers", entry, "<i8")
    assert rows[0:1000].sum() == 499_500
    assert rows[399_000:400_000][-1] == 399_999
    for _ in range(2):
        with pytest.raises(IndexDamaged, match="numbers has changed"):
            rows[2 * BLOCK // 8 : 2 * BLOCK // 8 + 1]
    with pytest.raises(IndexDamaged, match="numbers has changed"):
        rows.all()
    assert len(Rows(np.zeros(3))) == 3
