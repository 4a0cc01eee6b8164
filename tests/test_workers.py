import importlib.util
from pathlib import Path

import pytest
import samples
from samples import HashEmbedder

from qa.documents import load_corpus
from qa.errors import WorkersUnreachable
from qa.index import Snapshot, build_index
from qa.index.encodings import encode, task_of
from qa.index.workers import ProcessEncoder, RayEncoder, open_workers

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='Ray is not installed: pip install "china-ai-qa[ray]"')


@pytest.fixture(scope="module")
def processes():
    with ProcessEncoder(HashEmbedder, 2) as encoder:
        yield encoder


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of a head and two more nodes on this machine, whose workers find the tests' own modules."""
    import ray
    from ray.cluster_utils import Cluster

    environment = pytest.MonkeyPatch()
    environment.setenv("PYTHONPATH", str(Path(samples.__file__).parent))
    environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000})
    for _ in range(2):
        nodes.add_node(num_cpus=1, object_store_memory=100_000_000)
    yield nodes
    ray.shutdown()
    nodes.shutdown()
    environment.undo()


def tasks_of(snapshot):
    return [task_of(snapshot.documents[p.document_id], p) for p in snapshot.passages]


def same(one, two):
    return all(a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in zip(one.arrays, two.arrays, strict=True))


def files_of(folder):
    return {name: e.sha256 for s in Snapshot.load(folder).manifest.segments for name, e in description(folder / s.name).files.items()}


def description(path):
    from qa.index.segment import SegmentInfo

    return SegmentInfo.model_validate_json((path / "segment.json").read_text())


def test_processes_encode_as_this_one_does_and_in_order(processes, shared_index):
    tasks = tasks_of(Snapshot.load(shared_index)) * 8  # several messages for each process
    expected = list(encode(HashEmbedder(), tasks))
    found = list(processes(tasks))
    assert len(found) == len(expected) > 100
    assert all(map(same, found, expected))
    assert list(processes([])) == []


def test_an_index_built_by_processes_holds_the_same_bytes(processes, corpus, tmp_path):
    build_index(load_corpus(corpus), tmp_path / "one", HashEmbedder(), 200)
    build_index(load_corpus(corpus), tmp_path / "two", HashEmbedder(), 200, encoder=processes, window=5)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_what_is_known_is_not_handed_to_workers(corpus, tmp_path):
    build_index(load_corpus(corpus), tmp_path / "index", HashEmbedder(), 200)
    given = []

    def encoder(tasks):
        given.extend(tasks)
        return encode(HashEmbedder(), tasks)

    path = corpus / "en" / "qwq-32b.md"
    path.write_text(path.read_text(encoding="utf-8").replace("6 March", "7 March"), encoding="utf-8")
    build_index(load_corpus(corpus), tmp_path / "index", HashEmbedder(), 200, encoder=encoder)
    assert len(given) == 1
    assert "7 March" in given[0].text


def test_without_workers_this_process_encodes():
    with open_workers("all-MiniLM-L6-v2", 0, "") as (encoder, window):
        assert encoder is None
        assert window is None


@needs_ray
def test_a_cluster_of_several_nodes_builds_the_same_index(cluster, corpus, tmp_path):
    import ray

    encoder = RayEncoder(HashEmbedder, cluster.address, 3)
    assert len([n for n in ray.nodes() if n["Alive"]]) == 3
    build_index(load_corpus(corpus), tmp_path / "one", HashEmbedder(), 200)
    build_index(load_corpus(corpus), tmp_path / "two", HashEmbedder(), 200, encoder=encoder, window=1000)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert list(encoder([])) == []


@needs_ray
def test_no_cluster_is_said_in_one_sentence(monkeypatch):
    import ray

    def refuse(**_):
        raise ConnectionError("Could not find any running Ray instance.\nStart one.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(WorkersUnreachable, match=r"no Ray cluster at far:6379 \(Could not find any running Ray instance"):
        RayEncoder(HashEmbedder, "far:6379", 2)
