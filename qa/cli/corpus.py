"""``qa corpus``: check and describe the corpus."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from qa.cli.options import AsJson, command, settings_of
from qa.cli.shared import print_json
from qa.errors import QAError

app = typer.Typer()
group = typer.Typer(help="Check and describe the corpus.", no_args_is_help=True)
app.add_typer(group, name="corpus")


@command(group, epilog="Example: qa corpus check --corpus my-corpus")
def check(context: typer.Context, as_json: AsJson = False) -> None:
    """Check every rule of the corpus and list all problems with file and line."""
    settings = settings_of(context)
    from qa.doctor import corpus_problems
    from qa.documents import left_out

    problems = corpus_problems(settings.corpus)
    for note in left_out():
        sys.stderr.write(f"note: {note}\n")
    if as_json:
        print_json(problems)
    elif problems:
        sys.stdout.write("\n".join(problems) + "\n")
    else:
        sys.stdout.write(f"no problems in {settings.corpus}\n")
    if problems:
        raise QAError(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in {settings.corpus}; correct them, then run: qa corpus check")


@command(group, epilog="Example: qa corpus report --plot corpus.png")
def report(
    context: typer.Context,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw topics and years into this image file.")] = None,
) -> None:
    """Describe the corpus in figures, as Markdown: sizes, topics and years, sources."""
    settings = settings_of(context)
    from qa.documents import corpus_report, load_corpus, plot_corpus

    loaded = load_corpus(settings.corpus)
    if plot is not None:
        plot_corpus(loaded, plot)
        sys.stderr.write(f"wrote {plot}\n")
    sys.stdout.write(corpus_report(loaded))
