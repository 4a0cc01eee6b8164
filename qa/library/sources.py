"""From what the user names (files, folders, addresses) to single items to read."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from qa.documents.readers.kinds import SUFFIXES, SUPPORTED
from qa.errors import LibraryProblem

_COLLECTION = re.compile(r"\w[\w-]{0,39}")
_SLUG = 48  # characters of a name that its document's id repeats


@dataclass(frozen=True)
class Item:
    """One file or address.

    Attributes:
        name: what the document is remembered under: a later item of this name is its next version.
        path: the file; None for an address.
        url: the address; "" for a file.
        root: the folder that the file was found in; "" for a single file or an address.
        problem: why it cannot be read at all; "" if that is still open.
    """

    name: str
    path: Path | None = None
    url: str = ""
    root: str = ""
    problem: str = ""


def expand(sources: Sequence[str | Path], names: Sequence[str] | None = None) -> list[Item]:
    """Return the items that sources stand for, each name once.

    Args:
        sources: files, folders (with all below them), addresses.
        names: one for each source, for files that lie under another name than their own.

    Raises:
        LibraryProblem: there are not as many names as sources.
    """
    if names is not None and len(names) != len(sources):
        raise LibraryProblem(f"{len(names)} names were given for {len(sources)} sources; give one for each")
    found: dict[str, Item] = {}
    problems = []
    for number, source in enumerate(sources):
        for item in _expand(source, names[number] if names is not None else ""):
            same = found.setdefault(item.name, item)
            if item.problem:
                problems.append(item)
            elif (same.path, same.url) != (item.path, item.url):
                why = "another of these files has the same name; add one of them under another name or to another collection"
                problems.append(replace(item, problem=f"{item.name}: {why}"))
    return [i for i in found.values() if not i.problem] + problems


def _expand(source: str | Path, name: str) -> Iterator[Item]:
    if isinstance(source, str) and "://" in source:
        yield Item(_printable(name or source), url=source)
        return
    path = Path(source).expanduser()
    if path.is_dir():
        items = list(files_of(path))
        yield from items
        if not items:
            yield Item(_printable(str(source)), problem=f"{source}: holds no file that can be read; supported are {SUPPORTED}")
    elif path.is_file():
        yield Item(_printable(name or path.name), path)
    else:
        why = "is neither a file nor a folder" if path.exists() else "does not exist; check the path"
        yield Item(_printable(name or str(source)), problem=f"{source}: {why}")


def files_of(folder: Path) -> Iterator[Item]:
    """Yield the readable files below a folder, in order of their names.

    Hidden files are left out, and so are links that lead out of the folder. The name of an item
    begins with that of the folder, so that two folders may hold a file of the same name.
    """
    root = folder.resolve()
    for parent, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            path = Path(parent, file)
            if file.startswith(".") or path.suffix.lower() not in SUFFIXES or not path.resolve().is_relative_to(root):
                continue
            name = PurePosixPath(root.name, path.relative_to(root).as_posix())
            yield Item(_printable(str(name)), path, root=str(root))


def check_collection(name: str) -> str:
    """Return the name of a collection.

    Raises:
        LibraryProblem: it is that of the corpus, or holds other characters than letters, digits, "-" and "_".
    """
    if name == "corpus":
        raise LibraryProblem("the corpus is shipped and stays as it is; choose another name for your collection")
    if not _COLLECTION.fullmatch(name):
        raise LibraryProblem(f"{name[:60]!r} is no name for a collection; use up to 40 letters, digits, '-' and '_'")
    return name


def document_id(collection: str, name: str) -> str:
    """Return the id of the document with a name; the same for every version of it."""
    base = re.sub(r"^\w+://", "", name) if "://" in name else PurePosixPath(name).stem
    words = "-".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", base).lower()))
    slug = words[:_SLUG].strip("-") or "document"
    return f"{collection}/{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _printable(name: str) -> str:
    """Return a name without control characters and bytes that are no text."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name)[:500]
