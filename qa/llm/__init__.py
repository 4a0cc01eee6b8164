"""Answers written by a language model and checked sentence by sentence: an option on top of the evidence."""

from qa.llm.ask import Writing, events
from qa.llm.checks import says
from qa.llm.client import LanguageModel
from qa.llm.events import Done, Event, Found, Piece, Thinking
from qa.llm.meaning import Meaning
from qa.llm.presets import Target, names, resolve

__all__ = ["Done", "Event", "Found", "LanguageModel", "Meaning", "Piece", "Target", "Thinking", "Writing", "events", "names", "resolve", "says"]
