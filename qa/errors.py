"""Every error that this package raises on purpose.

    QAError
    ├── SettingsError        a setting is unknown or out of range
    ├── BadQuestion          a question is empty, too long or holds no words
    ├── CorpusError          a corpus file breaks a rule (names file and line)
    ├── UnknownDocument      no document has the id
    ├── UnreadableFile       a file or page cannot be read as a document, or breaks a limit
    ├── AddressRefused       an address may not be fetched
    ├── LibraryProblem       the library of the user's documents cannot do what was asked
    │   ├── LibraryBusy      another process is changing it
    │   └── LibraryDamaged   its files cannot be read or written
    ├── ModelUnavailable     an embedding model cannot be loaded or is not what it should be
    ├── IndexProblem
    │   ├── IndexMissing     nothing has been built yet
    │   ├── IndexStale       built from another corpus, model or setting
    │   ├── IndexDamaged     files are missing or changed
    │   └── IndexBusy        another process is building
    ├── StoreUnreachable     the engine that holds the passages does not answer or refuses
    ├── WorkersUnreachable   no cluster answers that could encode passages
    ├── LanguageModelError   a language model gives no answer
    │   ├── ModelUnreachable no answer in time, or no connection
    │   ├── ModelRefuses     the provider refuses: a wrong key, an unknown model, a used-up quota
    │   └── BadReply         what came back is no answer: malformed, cut off, empty
    ├── EvaluationError      a question file cannot be used
    └── MissingExtra         an optional dependency is not installed

Each message is one sentence or two that name the file or value and say what to do next.
"""

from __future__ import annotations


class QAError(Exception):
    """Root of this package's errors."""


class SettingsError(QAError):
    """A setting is unknown or out of range."""


class BadQuestion(QAError):
    """A question is empty, too long or holds no words."""


class CorpusError(QAError):
    """A corpus file breaks a rule; the message begins with file and line."""


class UnknownDocument(QAError):
    """No document has the id."""


class UnreadableFile(QAError):
    """A file, or what an address gave, cannot be read as a document or breaks a limit; the message begins with its name."""


class AddressRefused(QAError):
    """An address may not be fetched: its scheme, host, redirects, robots.txt or kind of content forbid it."""


class LibraryProblem(QAError):
    """The library of the user's documents cannot do what was asked."""


class LibraryBusy(LibraryProblem):
    """Another process is changing the library."""


class LibraryDamaged(LibraryProblem):
    """The library's files cannot be read or written."""


class ModelUnavailable(QAError):
    """An embedding model cannot be loaded, or its weights are not the expected ones."""


class IndexProblem(QAError):
    """The index cannot be used as it is."""


class IndexMissing(IndexProblem):
    """No index has been built in the folder."""


class IndexStale(IndexProblem):
    """The index was built from another corpus, model or setting."""


class IndexDamaged(IndexProblem):
    """Files of the index are missing or differ from their digests."""


class IndexBusy(IndexProblem):
    """Another process holds the build lock."""


class StoreUnreachable(QAError):
    """Milvus does not answer, or refuses."""


class WorkersUnreachable(QAError):
    """No cluster answers that could encode passages."""


class LanguageModelError(QAError):
    """A language model gives no answer; never holds a key."""


class ModelUnreachable(LanguageModelError):
    """The model's server cannot be reached or does not answer in time."""


class ModelRefuses(LanguageModelError):
    """The provider refuses the request: a wrong key, an unknown model, a used-up quota."""


class BadReply(LanguageModelError):
    """What the model's server sent is no answer: malformed, cut off or empty."""


class EvaluationError(QAError):
    """A question file or baseline cannot be used."""


class MissingExtra(QAError, ImportError):
    """An optional dependency is not installed; the message is the install command."""
