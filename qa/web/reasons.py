"""Why a file was refused, as one word for the page, which has its own phrases for the common reasons."""

from __future__ import annotations

import re

_REASONS = {
    "scanned": r"pictures of pages and no text",
    "encrypted": r"is encrypted",
    "protected": r"\(DRM\)",
    "text": r"holds no text",
    "empty": r"is empty",
    "format": r"has the suffix|no known format",
    "damaged": r"is a damaged|reader gave no valid reply",
    "archive": r"is an archive",
    "slow": r"took longer than|more memory or time",
    "large": r"is larger than|holds? more than|has more than|over the limit|would unpack",
}


def reason(message: str) -> str:
    """Return the word for a reader's message; "" where there is none and the message itself is to be shown."""
    return next((name for name, pattern in _REASONS.items() if re.search(pattern, message)), "")
