"""``qa index``: build and look after the index."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.options import AsJson, command, settings_of
from qa.cli.shared import print_json
from qa.errors import IndexDamaged

if TYPE_CHECKING:
    from qa.documents.model import Document
    from qa.settings import Settings

app = typer.Typer()
group = typer.Typer(help="Build and look after the index.", no_args_is_help=True)
app.add_typer(group, name="index")


@command(group, epilog="Example: qa index build --force")
def build(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Build even if nothing has changed, and encode everything anew.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=0, max=4096, help="Encode in so many processes, or processors of a cluster.")] = 0,
    ray: Annotated[str, typer.Option("--ray", help="Encode on the Ray cluster at this address, such as auto or HOST:6379.")] = "",
) -> None:
    """Build the index where it is missing or stale."""
    settings = settings_of(context)
    from qa.terminal import progress

    with progress("Reading the corpus", "Building the index") as advance:
        from qa.assistant import index_manifest, open_library, rebuild, staleness
        from qa.index import Snapshot

        why = staleness(settings)  # refuses a folder of other files, forced or not
        if not why and not force:
            try:
                Snapshot.load(settings.index)
            except IndexDamaged as error:
                why = str(error)
        if why or force:
            rebuild(settings, advance, fresh=force, workers=workers, ray=ray)
        own = open_library(settings)
        if force:
            own.rebuild(lambda done, total, note: advance(done, total))
        else:
            own.bring_in_line(lambda done, total, note: advance(done, total))
    manifest = index_manifest(settings)
    state = "built" if why or force else "up to date"
    sys.stdout.write(f"{state}: {manifest.passages} passages of {manifest.documents} documents in {settings.index}\n")


@command(group, epilog="Example: qa index status --json")
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what the index was built from and whether it is up to date."""
    settings = settings_of(context)
    from qa.assistant import index_manifest, staleness
    from qa.index import current_generation

    manifest = index_manifest(settings)
    generation = current_generation(settings.index)
    why = staleness(settings)
    facts = {
        "folder": str(settings.index),
        "generation": generation,
        "state": "stale" if why else "up to date",
        "reason": why,
        "bytes": manifest.bytes,
        **manifest.model_dump(exclude={"files", "segments"}),
        "segments": len(manifest.segments),
    }
    if as_json:
        print_json(facts)
        return
    from qa.terminal import make_console, show_facts

    facts["state"] = f"stale: {why}; run: qa index build" if why else "up to date"
    facts["size"] = f"{facts.pop('bytes') / 1e6:.1f} MB"
    del facts["reason"]
    show_facts(make_console(), facts)


@command(group, epilog="Example: qa index verify --repair")
def verify(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Build what is damaged anew, from the documents.")] = False,
) -> None:
    """Read every byte of the indexes; check every digest, count and offset."""
    settings = settings_of(context)
    from qa.assistant import build_embedder, open_library
    from qa.index import verify_index
    from qa.terminal import progress

    library = open_library(settings)
    for folder in _folders(settings):
        sources = _corpus_documents(settings) if folder == settings.index else library.document
        with progress("Reading the index", "Building the index") as advance:
            report = verify_index(folder)
            if report.problems and repair:
                report = verify_index(folder, sources, True, build_embedder(settings), advance)
                library.bring_in_line(lambda done, total, note: advance(done, total))
        if not report.problems:
            sys.stdout.write(f"intact: {report.files} files of {report.generation} in {folder}\n")
            continue
        sys.stdout.writelines(f"{line}\n" for line in (*report.problems, *report.repaired))
        if not repair:
            count = len(report.problems)
            raise IndexDamaged(f"{count} problem{'' if count == 1 else 's'} in {folder}; run: qa index verify --repair")


@command(group, epilog="Example: qa index gc")
def gc(context: typer.Context) -> None:
    """Remove what a killed change has left."""
    settings = settings_of(context)
    from qa.index import collect

    for folder in _folders(settings):
        removed = collect(folder)
        sys.stdout.write(f"removed {len(removed)} leftover{'' if len(removed) == 1 else 's'} from {folder}\n")


def _folders(settings: "Settings") -> list[Path]:
    """Return the folders of the indexes: that of the corpus, and that of the user's documents where there are any."""
    from qa.assistant import open_library
    from qa.index.snapshot import CURRENT

    own = open_library(settings).index
    return [settings.index, *([own] if (own / CURRENT).exists() else [])]


def _corpus_documents(settings: "Settings") -> "Callable[[str], Document | None]":
    """Return a function that gives a document of the corpus by its id; the corpus is read when it is first asked."""

    @functools.cache
    def documents() -> dict[str, "Document"]:
        from qa.documents import load_corpus

        return {d.id: d for d in load_corpus(settings.corpus).documents}

    return lambda document_id: documents().get(document_id)
