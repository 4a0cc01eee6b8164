"""From a question to ranked passages."""

from qa.retrieval.filters import Filters
from qa.retrieval.hits import Hit
from qa.retrieval.query import Query, QueryReader
from qa.retrieval.search import Ranking, Searcher

__all__ = ["Filters", "Hit", "Query", "QueryReader", "Ranking", "Searcher"]
