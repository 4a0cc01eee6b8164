"""This product: hybrid search with sentence and token vectors, from the corpus files."""

REQUIREMENTS: list = []


def load():
    from qa.assistant import build_embedder
    from qa.settings import load_settings

    return build_embedder(load_settings())


def encode(model, text):
    return next(iter(model.encode([text]))).pooled


def ingest(model, passages, folder):
    from qa.documents.corpus import load_corpus
    from qa.index.builder import build_index
    from qa.settings import load_settings

    settings = load_settings()
    corpus = load_corpus(settings.corpus)
    build_index(corpus, folder / "index", model, settings.max_tokens)
    from qa.index.snapshot import Snapshot

    return len(Snapshot.load(folder / "index").passages)


def open(model, folder):
    from qa.assistant import Assistant

    return Assistant.open(index=folder / "index", build=False)


def query(store, question):
    return [{"document": h.document_id, "start": h.start, "end": h.end, "text": h.text} for h in store.search(question, 5)]
