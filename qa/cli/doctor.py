"""``qa doctor``."""

import sys

import typer

from qa.cli.options import AsJson, command, settings_of
from qa.cli.shared import print_json
from qa.errors import QAError

app = typer.Typer()


@command(app, epilog="Example: qa doctor")
def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Look at versions, model, corpus, index and disk, and say what to do about each."""
    settings = settings_of(context)
    from qa.doctor import examine

    checks = examine(settings)
    if as_json:
        print_json([c.as_dict() for c in checks])
    else:
        for check in checks:
            advice = f"; {check.advice}" if not check.ok and check.advice else ""
            sys.stdout.write(f"{'ok  ' if check.ok else 'TODO'}  {check.name:<8}  {check.found}{advice}\n")
    bad = [c.name for c in checks if not c.ok]
    if bad:
        raise QAError(f"not as it should be: {', '.join(bad)}; the lines above say what to do")
