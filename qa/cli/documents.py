"""``qa documents``, ``qa add``, ``qa remove`` and ``qa sync``."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.cli.options import AsJson, Language, check_date, command, settings_of
from qa.cli.shared import check_collections, print_json
from qa.errors import QAError, UnknownDocument

if TYPE_CHECKING:
    from qa.library import Added
    from qa.retrieval.filters import Filters

NAMED = 5  # documents that the question before a removal names

Into = Annotated[str, typer.Option("--collection", metavar="NAME", help="The collection to put them in; made if it is new.")]

app = typer.Typer()


@command(app, epilog="Example: qa documents --collection library")
def documents(context: typer.Context, filters: "Filters", as_json: AsJson = False) -> None:
    """List the documents of the corpus and your own."""
    settings = settings_of(context)
    from qa.assistant import open_library
    from qa.documents import load_corpus

    known = [*load_corpus(settings.corpus).documents, *open_library(settings).documents()]
    check_collections(filters.collections, (d.collection for d in known))
    found = [d for d in known if filters.admits(d)]
    if as_json:
        keep = {"id", "title", "language", "topic", "entities", "as_of", "translation_of", "sources", "collection", "origin"}
        print_json([d.model_dump(mode="json", include=keep) for d in found])
        return
    from qa.terminal import make_console, show_documents

    show_documents(make_console(), found)


@command(app, epilog='Example: qa add report.pdf --title "Annual report" --date 2025-03-31')
def add(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="PATH|FOLDER|URL...", help="Files, folders with all below them, web addresses.")],
    *,
    collection: Into = "library",
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title of a single file, instead of the one found in it.")] = None,
    language: Annotated[Language | None, typer.Option(help="Language of a single file, instead of the one found.")] = None,
    date: Annotated[str | None, typer.Option(metavar="DATE", help="What day a single file speaks for, as YYYY-MM-DD.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add documents of your own; a new version of a file replaces the old one."""
    settings = settings_of(context)
    if date is not None:
        check_date(date, "--date", whole=True)
    from qa.assistant import open_library

    with _progress() as advance:
        results = open_library(settings).add(
            sources, collection=collection, title=title, language=language and language.value, date=date, progress=advance
        )
    if as_json:
        print_json([r.model_dump(mode="json") for r in results])
    else:
        _show(results)
    _check_refused(results, len(results))


@command(app, epilog="Example: qa remove library/report-1a2b3c4d")
def remove(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As qa documents lists them.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove documents of your own with all that was made of them."""
    settings = settings_of(context)
    from qa.assistant import open_library

    library = open_library(settings)
    entries = library.entries()
    for document_id in ids:
        if document_id not in entries:
            raise UnknownDocument(f"no document of your own has the id {document_id!r}; list them with: qa documents")
    if not yes:
        if not _asked_in_a_terminal():
            raise QAError("a removal is not done without being asked for; add --yes")
        names = [entries[i].name for i in dict.fromkeys(ids)]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        typer.confirm(f"Remove {', '.join(names[:NAMED])}{more}, with the stored copies?", abort=True, err=True)
    with _progress() as advance:
        removed = library.remove(ids, advance)
    if as_json:
        print_json(removed)
    else:
        sys.stdout.writelines(f"removed: {document_id}\n" for document_id in removed)


@command(app, epilog="Example: qa sync ~/papers --collection papers")
def sync(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder that the collection follows.")],
    *,
    collection: Into = "library",
    as_json: AsJson = False,
) -> None:
    """Add what is new in a folder, re-read what has changed, remove what is gone."""
    settings = settings_of(context)
    from qa.assistant import open_library

    with _progress() as advance:
        result = open_library(settings).sync(folder, collection=collection, progress=advance)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _show((*result.added, *result.updated, *result.duplicates, *result.refused))
        sys.stdout.writelines(f"removed: {document_id}\n" for document_id in result.removed)
        counts = [
            f"{len(getattr(result, name))} {name}" for name in ("added", "updated", "removed", "unchanged", "duplicates", "refused")
        ]
        sys.stdout.write(f"{', '.join(counts)} in {result.folder}\n")
    of = len(result.added) + len(result.updated) + len(result.unchanged) + len(result.duplicates) + len(result.refused)
    _check_refused(result.refused, of)


def _asked_in_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _show(results: "Sequence[Added]") -> None:
    from qa.terminal import one_line

    for result in results:
        about = ""
        if result.status == "refused":
            about = result.message
        elif result.status == "duplicate":
            about = f"{result.source}: {result.message}"
        else:
            about = f"{result.source} as {result.document_id}, {result.passages} passage{'' if result.passages == 1 else 's'}"
            about += f"; {result.message}" if result.message else ""
        sys.stdout.write(f"{result.status}: {one_line(about)}\n")


def _check_refused(results: "Sequence[Added]", of: int) -> None:
    refused = sum(r.status == "refused" for r in results)
    if refused:
        raise QAError(f"{refused} of {of} could not be read; the lines above say why")


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """Show how far the index is; while files are read there is no total to show."""
    from qa.terminal import progress

    with progress("Reading", "Building the index") as advance:

        def tell(done: int, total: int, note: str) -> Any:
            if total:
                advance(done, total)

        yield tell
