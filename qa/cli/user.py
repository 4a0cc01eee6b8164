"""``qa user``: who may log in to a page that is served with ``--auth``."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from qa.errors import SettingsError

app = typer.Typer()
user_app = typer.Typer(help="Say who may log in to a page served with --auth.", no_args_is_help=True)
app.add_typer(user_app, name="user")


@user_app.command("add", epilog="Example: qa user add anna --auth users.txt")
def add(
    name: Annotated[str, typer.Argument(help="Up to 64 letters, digits, dots, dashes, underscores and @ signs.")],
    auth: Annotated[Path, typer.Option("--auth", metavar="FILE", help="File of the users; made if it is missing.")],
) -> None:
    """Add a user or change the password, which is asked for (or read from stdin, one line)."""
    from qa.web.accounts import write_user

    new = write_user(auth, name, _password(name))
    sys.stdout.write(f"{'added' if new else 'changed the password of'} {name} in {auth}\n")


def _password(name: str) -> str:
    """Return what is typed, twice the same; never taken from the command line, where other users could see it."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("The same again: ") != password:
        raise SettingsError("the two passwords differ; run the command again")
    return password
