"""Readers of users' files: any supported format to text with sections and pages, in a process with limits.

``read_file`` reads one file, a ``Reader`` several; ``fetch`` gets one from an address.
"""

from qa.documents.readers.extracted import Extracted, ReadLimits
from qa.documents.readers.fetch import Fetched, Fetcher, FetchLimits, fetch
from qa.documents.readers.kinds import SUFFIXES
from qa.documents.readers.process import Reader, page_image, read_file

__all__ = [
    "SUFFIXES",
    "Extracted",
    "FetchLimits",
    "Fetched",
    "Fetcher",
    "ReadLimits",
    "Reader",
    "fetch",
    "page_image",
    "read_file",
]
