"""``qa index``: build and look after the index."""

import sys
from typing import Annotated

import typer

from qa.cli.options import AsJson, command, settings_of
from qa.cli.shared import print_json
from qa.errors import IndexDamaged

app = typer.Typer()
group = typer.Typer(help="Build and look after the index.", no_args_is_help=True)
app.add_typer(group, name="index")


@command(group, epilog="Example: qa index build --force")
def build(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Build even if nothing has changed, and encode everything anew.")] = False,
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
            rebuild(settings, advance, fresh=force)
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
        "bytes": sum(f.stat().st_size for f in (settings.index / generation).iterdir()),
        **manifest.model_dump(exclude={"files"}),
    }
    if as_json:
        print_json(facts)
        return
    from qa.terminal import make_console, show_facts

    facts["state"] = f"stale: {why}; run: qa index build" if why else "up to date"
    facts["size"] = f"{facts.pop('bytes') / 1e6:.1f} MB"
    del facts["reason"]
    show_facts(make_console(), facts)


@command(group, epilog="Example: qa index verify")
def verify(context: typer.Context) -> None:
    """Read every file of the index again and compare it with its digest."""
    settings = settings_of(context)
    from qa.index import Snapshot

    snapshot = Snapshot.load(settings.index)
    sys.stdout.write(f"intact: {len(snapshot.manifest.files)} files of {snapshot.generation} in {settings.index}\n")


@command(group, epilog="Example: qa index gc")
def gc(context: typer.Context) -> None:
    """Remove old generations, but for the current one and the one before it."""
    settings = settings_of(context)
    from qa.assistant import open_library
    from qa.index.builder import collect
    from qa.index.snapshot import CURRENT

    own = open_library(settings).index
    for folder in [settings.index, *([own] if (own / CURRENT).exists() else [])]:
        removed = collect(folder)
        sys.stdout.write(f"removed {len(removed)} old generation{'' if len(removed) == 1 else 's'} from {folder}\n")
