"""``qa serve``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from qa.cli.options import command, settings_of
from qa.errors import SettingsError

app = typer.Typer()

Users = Annotated[Path | None, typer.Option("--auth", metavar="FILE", help="Ask for a log-in; the users stand in FILE (see: qa user add).")]


@command(app, epilog="Example: qa serve --port 8000")
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 if not set.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="First port to try; 7860 if not set.")] = None,
    auth: Users = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Nobody adds or removes documents in the page.")] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="Serve other machines without a log-in.")] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Name under which a proxy on this machine passes requests on; repeatable.")
    ] = None,
) -> None:
    """Serve the page in the browser; a missing or stale index is built first."""
    settings = settings_of(
        context, host=host, port=port, auth=auth, read_only=read_only or None, insecure=insecure or None, allowed_hosts=allow_host or None
    )
    from qa.web.exposure import check_exposure

    try:
        check_exposure(settings, settings.host)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    from qa.assistant import rebuild, staleness

    if staleness(settings):
        from qa.terminal import progress

        with progress("Reading the corpus", "Building the index") as advance:
            rebuild(settings, advance)
    from qa.web import serve as serve_page

    try:
        serve_page(settings, host=settings.host, port=settings.port)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")  # the way to end it, so no failure
