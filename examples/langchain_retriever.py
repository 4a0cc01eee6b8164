"""A LangChain retriever: each document is a passage with its place and date.

Install: pip install . langchain-core       (from a clone of this repository)
Run:     python examples/langchain_retriever.py "H20 export licences"
"""

from __future__ import annotations

import sys
from typing import Any

import qa

try:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise ImportError("this example needs LangChain; run: pip install langchain-core") from error


class CitedRetriever(BaseRetriever):
    """Returns the k best passages; ``metadata`` says where each stands."""

    assistant: Any
    k: int = 5

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(page_content=h.text, metadata=h.model_dump(exclude={"text", "signals"})) for h in self.assistant.search(query, self.k)]


if __name__ == "__main__":
    retriever = CitedRetriever(assistant=qa.Assistant.open())
    for found in retriever.invoke(" ".join(sys.argv[1:]) or "H20 export licences"):
        print(f"{found.metadata['title']} ({found.metadata['as_of']}): {found.page_content[:160]}")
