"""``qa serve``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.options import command, settings_of
from qa.errors import SettingsError

if TYPE_CHECKING:
    from qa.settings import Settings
    from qa.web.server import Wrap

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
    llm: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Offer answers written by this language model: PROVIDER or PROVIDER:MODEL; repeatable.")
    ] = None,
    tokens: Annotated[
        Path | None, typer.Option("--tokens", metavar="FILE", help="Let programs with a token of FILE use /api/v1 (see: qa token).")
    ] = None,
    mcp: Annotated[bool, typer.Option("--mcp", help="Serve MCP at /mcp as well.")] = False,
) -> None:
    """Serve the page in the browser; a missing or stale index is built first."""
    settings = settings_of(
        context,
        host=host,
        port=port,
        auth=auth,
        read_only=read_only or None,
        insecure=insecure or None,
        allowed_hosts=allow_host or None,
        page_llm=llm or None,
        api_token_file=tokens,
    )
    from qa.web.exposure import check_exposure

    try:
        check_exposure(settings, settings.host)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    from qa.assistant import rebuild, staleness
    from qa.web.models import offers

    offers(settings)  # says what is wrong with a model before anything is built
    if staleness(settings):
        from qa.terminal import progress

        with progress("Reading the corpus", "Building the index") as advance:
            rebuild(settings, advance)
    from qa.web import serve as serve_page

    try:
        serve_page(settings, host=settings.host, port=settings.port, wrap=_interface(settings, mcp=mcp))
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")  # the way to end it, so no failure


def _interface(settings: "Settings", *, mcp: bool) -> "Wrap | None":
    """Return what puts the interface for programs beside the page; None where it would let in whom the page does not."""
    from qa.api.app import Interface, beside, serves_beside
    from qa.api.mcp import check_installed
    from qa.api.tokens import Tokens

    if mcp:
        check_installed()
    if serves_beside(settings, Tokens.read(settings)):
        return lambda page, engine: beside(page, Interface(settings, engine, mcp=mcp))
    if mcp:
        told = "a page with a log-in or for other machines serves MCP only with tokens; name a file with --tokens"
        raise typer.BadParameter(told, param_hint="--mcp")
    return None
