"""``qa api``, ``qa mcp`` and ``qa token``: the interfaces for other programs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.options import command, settings_of
from qa.errors import SettingsError

if TYPE_CHECKING:
    from qa.settings import Settings

app = typer.Typer()
token_app = typer.Typer(help="Make tokens for programs that use the HTTP or MCP interface.", no_args_is_help=True)
app.add_typer(token_app, name="token")

API_PORT = 7870  # beside the page's, which a person has open

Host = Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 if not set.")]
Port = Annotated[int | None, typer.Option(min=1, max=65_535, help=f"First port to try; {API_PORT} if not set.")]
TokenFile = Annotated[Path | None, typer.Option("--tokens", metavar="FILE", help="Ask for a token; their digests stand in FILE (see: qa token).")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Serve other machines without a token.")]
AllowHost = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Name under which a proxy on this machine passes requests on; repeatable.")
]
Lend = Annotated[list[str] | None, typer.Option("--llm", metavar="NAME", help="A language model that programs may name; repeatable.")]


@command(app, epilog="Example: qa api --port 8001")
def api(
    context: typer.Context,
    host: Host = None,
    port: Port = None,
    tokens: TokenFile = None,
    mcp: Annotated[bool, typer.Option("--mcp", help="Serve MCP at /mcp as well.")] = False,
    llm: Lend = None,
    insecure: Insecure = False,
    allow_host: AllowHost = None,
) -> None:
    """Serve the JSON interface under /api/v1, without the page."""
    settings = settings_of(
        context,
        host=host,
        port=port or API_PORT,
        api_token_file=tokens,
        api_llm=llm or None,
        insecure=insecure or None,
        allowed_hosts=allow_host or None,
    )
    _serve(settings, rest=True, mcp=mcp)


@command(app, epilog="Example: qa mcp --http --port 8002")
def mcp(
    context: typer.Context,
    http: Annotated[bool, typer.Option("--http", help="Serve streamable HTTP at /mcp instead of standard input and output.")] = False,
    host: Host = None,
    port: Port = None,
    tokens: TokenFile = None,
    insecure: Insecure = False,
    allow_host: AllowHost = None,
) -> None:
    """Serve the tools ask, search, document and research to programs that speak MCP."""
    settings = settings_of(
        context, host=host, port=port or API_PORT, api_token_file=tokens, insecure=insecure or None, allowed_hosts=allow_host or None
    )
    from qa.api.mcp import check_installed

    check_installed()
    if http:
        _serve(settings, rest=False, mcp=True)
        return
    for name, given in (("--host", host), ("--port", port), ("--tokens", tokens), ("--insecure", insecure), ("--allow-host", allow_host)):
        if given:
            raise typer.BadParameter("goes with --http; add it or leave this out", param_hint=name)
    from qa.api.mcp import run_stdio
    from qa.web.engine import Engine

    try:
        run_stdio(Engine(settings))
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")


@token_app.command("add", epilog="Example: qa token add reporting --file tokens.txt")
def add(
    name: Annotated[str, typer.Argument(help="Up to 64 letters, digits, dots, dashes, underscores and @ signs.")],
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Keep its digest in FILE, made if it is missing.")] = None,
) -> None:
    """Make a token and print it, this once; only its digest is kept."""
    if file is None:
        import secrets

        sys.stderr.write("kept nowhere; hand it to the server in QA_API_TOKENS\n")
        sys.stdout.write(secrets.token_urlsafe(32) + "\n")
        return
    from qa.api.tokens import add_token

    sys.stdout.write(add_token(file, name) + "\n")
    sys.stderr.write(f"kept the digest of {name} in {file}; the token is shown only now\n")


def _serve(settings: "Settings", *, rest: bool, mcp: bool) -> None:
    from qa.api.server import run
    from qa.assistant import rebuild, staleness

    if staleness(settings):
        from qa.terminal import progress

        with progress("Reading the corpus", "Building the index") as advance:
            rebuild(settings, advance)
    try:
        run(settings, rest=rest, mcp=mcp)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")  # the way to end it, so no failure
