"""From ranked passages to an answer in which every sentence is a verified quote."""

from qa.answering.answer import Answer, Citation, Conflict, ConflictValue, Sentence

__all__ = ["Answer", "Citation", "Conflict", "ConflictValue", "Sentence"]
