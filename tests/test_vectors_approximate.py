import numpy as np
import pytest

from qa.errors import IndexDamaged
from qa.index import approximate
from qa.index.approximate import Table, build, choose, update
from qa.index.files import BLOCK, Rows
from qa.index.joined import Joined
from qa.index.lists import open_lists
from qa.index.vectors import Vectors, cover

DIM = 32
KINDS = ("ivf-sq8", "ivf-pq")


def unit(rows):
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def clustered(count, seed, spread=0.5):
    """Unit vectors round about 40 centres that are the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((40, DIM))
    rng = np.random.default_rng(seed)
    return unit(centres[rng.integers(40, size=count)] + spread * rng.standard_normal((count, DIM)))


def tables(*sizes):
    return [Table(f"segment-{n}", Rows(clustered(size, n))) for n, size in enumerate(sizes)]


def opened(folder, entry, held):
    info, lists = open_lists(folder, entry)
    parts = [t.vectors for t in held]
    return Vectors(parts, [cover(info, lists, [t.name for t in held])]), Vectors(parts)


def found_of(vectors, exact, queries, admitted=None, k=10):
    same = sum(len(set(vectors.search(q, k, admitted)[0].tolist()) & set(exact.search(q, k, admitted)[0].tolist())) for q in queries)
    return same / (k * len(queries))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let small tables count as large."""
    monkeypatch.setattr(approximate, "FLAT_PASSAGES", 1000)
    monkeypatch.setattr(approximate, "WAITING", 300)
    monkeypatch.setattr(approximate, "SAMPLE", 60)


@pytest.fixture(scope="module", params=KINDS)
def built(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    held = tables(2000, 1500, 1500)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approximate, "FLAT_PASSAGES", 1000)
        patch.setattr(approximate, "SAMPLE", 60)
        return folder, build(folder, held, DIM, kind=request.param), held


def test_the_form_follows_from_the_number_of_passages_and_the_memory():
    assert choose(1000, 384) == "flat"
    assert choose(1001, 384) == "ivf-sq8"
    assert choose(1_000_000, 384) == "ivf-sq8"
    assert choose(1_000_000, 384, memory=100_000_000) == "ivf-pq"
    assert choose(10_000_000, 384) == "ivf-pq"


def test_lists_find_what_exact_search_finds_with_exact_cosines(built):
    folder, entry, held = built
    assert entry.recall >= approximate.RECALL
    vectors, exact = opened(folder, entry, held)
    queries = clustered(50, 99)
    assert found_of(vectors, exact, queries) >= 0.97
    rows, cosines = vectors.search(queries[0], 10)
    assert np.allclose(cosines, exact.take(rows) @ queries[0], atol=1e-6)
    assert (np.diff(cosines) <= 0).all()


def test_only_what_is_admitted_is_found(built):
    folder, entry, held = built
    vectors, exact = opened(folder, entry, held)
    for share in (0.9, 0.3, 0.0):
        admitted = np.random.default_rng(5).random(len(vectors)) < share
        rows, _ = vectors.search(clustered(1, 7)[0], 10, admitted)
        assert admitted[rows].all()
        assert len(rows) == (10 if share else 0)
        assert not share or found_of(vectors, exact, clustered(30, 98), admitted) >= 0.95


def test_segments_that_came_later_are_searched_as_well(built, monkeypatch):
    folder, entry, held = built
    monkeypatch.setattr(approximate, "choose", lambda *_: entry.kind)
    later = [Table("later", Rows(clustered(200, 50))), *held]
    assert update(folder, entry, later, DIM) is entry
    vectors, exact = opened(folder, entry, later)
    query = clustered(200, 50)[17]
    assert vectors.search(query, 3)[0][0] == 17
    assert found_of(vectors, exact, clustered(30, 97)) >= 0.97


def test_an_update_takes_in_what_is_new_and_keeps_nothing_of_what_has_gone(built, monkeypatch):
    folder, entry, held = built
    monkeypatch.setattr(approximate, "choose", lambda *_: entry.kind)
    changed = [held[2], Table("new", Rows(clustered(900, 60))), held[0]]
    again = update(folder, entry, changed, DIM)
    assert again.name != entry.name
    vectors, exact = opened(folder, again, changed)
    assert found_of(vectors, exact, clustered(50, 96)) >= 0.96
    _, lists = open_lists(folder, again)
    rows = np.concatenate([r for _, r in lists.blocks()])
    assert sorted(rows.tolist()) == list(range(1500 + 900 + 2000))
    old = {codes[i].tobytes() for codes, rows in open_lists(folder, entry)[1].blocks() for i in np.flatnonzero((rows >= 2000) & (rows < 3500))}
    kept = {code.tobytes() for codes, _ in lists.blocks() for code in codes}
    assert len(old - kept) > 0.9 * len(old)


def test_vectors_without_structure_stay_with_exact_search(tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "PROBES", (1, 2))
    held = [Table("noise", Rows(unit(np.random.default_rng(1).standard_normal((3000, DIM)))))]
    entry = build(tmp_path, held, DIM)
    assert (entry.kind, entry.name) == ("flat", "")
    assert list(tmp_path.iterdir()) == []
    assert update(tmp_path, entry, held, DIM) is entry  # not tried again until the index has grown


@pytest.mark.parametrize("name", ["dense.json", "centroids", "codec", "sizes", "lists"])
def test_a_changed_byte_is_found_before_an_answer_rests_on_it(tmp_path, name):
    held = tables(2000)
    entry = build(tmp_path, held, DIM)
    path = tmp_path / entry.name / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)

    def ask():
        for query in clustered(200, 3):
            opened(tmp_path, entry, held)[0].search(query, 10)

    with pytest.raises(IndexDamaged, match=f"{name} has changed"):
        ask()


def test_missing_files_and_segments_are_named(tmp_path):
    held = tables(2000)
    entry = build(tmp_path, held, DIM)
    with pytest.raises(IndexDamaged, match="cover segment-0, which is not in the index"):
        cover(*open_lists(tmp_path, entry), ["other"])
    (tmp_path / entry.name / "sizes").unlink()
    with pytest.raises(IndexDamaged, match="sizes is missing"):
        open_lists(tmp_path, entry)


def test_rows_are_taken_from_several_tables_in_the_order_asked_for():
    one, two = np.arange(20.0).reshape(10, 2), np.arange(100.0, 108.0).reshape(4, 2)
    joined = Joined([Rows(one), Rows(two)])
    assert joined.take([12, 0, 9, 10]).tolist() == [[104, 105], [0, 1], [18, 19], [100, 101]]
    assert joined.take([]).shape == (0, 2)
    assert BLOCK >= 4096
