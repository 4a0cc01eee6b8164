"""Documents: text with sections, and sources attached to the sentences that rest on them."""

from qa.documents.checks import Problem, check_corpus, left_out
from qa.documents.corpus import Corpus, load_corpus
from qa.documents.markdown import parse_markdown
from qa.documents.model import Document, Reference, Section, Source
from qa.documents.report import corpus_report, plot_corpus
from qa.documents.series import Series, load_series

__all__ = [
    "Corpus",
    "Document",
    "Problem",
    "Reference",
    "Section",
    "Series",
    "Source",
    "check_corpus",
    "corpus_report",
    "left_out",
    "load_corpus",
    "load_series",
    "parse_markdown",
    "plot_corpus",
]
