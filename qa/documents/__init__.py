"""Documents: text with sections, and sources attached to the sentences that rest on them."""

from qa.documents.corpus import Corpus, Problem, Series, check_corpus, load_corpus
from qa.documents.markdown import parse_markdown
from qa.documents.model import Document, Reference, Section, Source

__all__ = [
    "Corpus",
    "Document",
    "Problem",
    "Reference",
    "Section",
    "Series",
    "Source",
    "check_corpus",
    "load_corpus",
    "parse_markdown",
]
