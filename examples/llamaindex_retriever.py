"""A LlamaIndex retriever: each node is a passage with its place, date and score.

Install: pip install . llama-index-core     (from a clone of this repository)
Run:     python examples/llamaindex_retriever.py "H20 export licences"
"""

from __future__ import annotations

import sys

import qa

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise ImportError("this example needs LlamaIndex; run: pip install llama-index-core") from error


class CitedRetriever(BaseRetriever):
    """Returns the k best passages; ``metadata`` says where each stands."""

    def __init__(self, assistant: qa.Assistant, k: int = 5) -> None:
        self.assistant, self.k = assistant, k
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self.assistant.search(query_bundle.query_str, self.k)
        places = [h.model_dump(exclude={"text", "signals"}) for h in hits]
        nodes = [TextNode(id_=h.passage_id, text=h.text, metadata=p) for h, p in zip(hits, places, strict=True)]
        return [NodeWithScore(node=n, score=h.score) for h, n in zip(hits, nodes, strict=True)]


if __name__ == "__main__":
    for found in CitedRetriever(qa.Assistant.open()).retrieve(" ".join(sys.argv[1:]) or "H20 export licences"):
        print(f"{found.node.metadata['title']} ({found.score:.2f}): {found.node.get_content()[:160]}")
