"""The user's own documents: stored apart from the corpus, in named collections, with an index of their own."""

from qa.library.face import OwnDocuments
from qa.library.library import Library
from qa.library.results import Added, Collection, Progress, Synced

__all__ = ["Added", "Collection", "Library", "OwnDocuments", "Progress", "Synced"]
