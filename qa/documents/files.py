"""Reading the files of a corpus folder, with errors that name file and line."""

from __future__ import annotations

from pathlib import Path

from qa.errors import CorpusError


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        CorpusError: the file cannot be opened or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CorpusError(f"{path.name}:{line}: not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise CorpusError(f"{path.name}:1: cannot be read: {error.strerror}") from error


def document_paths(folder: Path) -> list[Path]:
    """Return the document files of a corpus folder in a fixed order."""
    return sorted(p for language in ("en", "zh") for p in (folder / language).glob("*.md"))


def relative_name(path: Path) -> str:
    """Return how errors name a file: its folder and name."""
    return f"{path.parent.name}/{path.name}"
