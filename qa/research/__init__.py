"""Research: one question becomes many, and what they find becomes a brief in which every sentence is cited."""

from qa.research.face import Researching
from qa.research.html import to_html
from qa.research.markdown import to_markdown
from qa.research.model import Brief, Chart, Event, Figure, Finished, Gap, Looked, Planned, Searching, Section, Step, Sub, Writing

__all__ = [
    "Brief", "Chart", "Event", "Figure", "Finished", "Gap", "Looked", "Planned", "Researching", "Searching", "Section", "Step", "Sub", "Writing",
    "to_html", "to_markdown",
]  # fmt: skip
