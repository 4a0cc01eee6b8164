"""``qa research``."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.options import AsJson, command, settings_of
from qa.cli.shared import open_assistant, print_json, read_question

if TYPE_CHECKING:
    from qa.research import Step
    from qa.retrieval.filters import Filters

ENDINGS = (".md", ".markdown", ".html", ".htm", ".json")
INTERRUPTED = 130

app = typer.Typer()


@command(app, epilog='Example: qa research "What has DeepSeek achieved?" --output brief.html')
def research(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="In English or Chinese; - reads it from stdin.")],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the brief to FILE (.md, .html or .json).")] = None,
    llm: Annotated[
        str | None, typer.Option(metavar="NAME", help="Let a language model plan and write the summary, checked: PROVIDER or PROVIDER:MODEL.")
    ] = None,
    max_questions: Annotated[int, typer.Option(min=1, max=60, metavar="N", help="Sub-questions at most.")] = 20,
    filters: "Filters",
    as_json: AsJson = False,
) -> None:
    """Look at a question from many sides and write a brief in which every sentence is cited.

    Ctrl+C ends the search; the brief is then made of what was found.
    """
    settings = settings_of(context)
    clean = read_question(question, settings)
    if output is not None and output.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(f"{output.name!r} must end in .md, .html or .json", param_hint="--output")
    if output is not None and not output.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {str(output.parent)!r}; make it first", param_hint="--output")
    if llm is not None:
        from qa.llm import resolve

        resolve(llm, settings.llm)  # says what is wrong before the index is opened
    assistant = open_assistant(settings, filters)
    stop = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)  # a second Ctrl+C ends at once
        sys.stderr.write("stopping; the brief is made of what was found\n")

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        brief = assistant.research(clean, filters=filters, llm=llm, progress=_show, stop=stop.is_set, max_questions=max_questions)
    finally:
        signal.signal(signal.SIGINT, before)
    from qa.research import to_html, to_markdown

    suffix = output.suffix.lower() if output else (".json" if as_json else ".md")
    if output is not None:
        text = brief.model_dump_json(indent=2) + "\n" if suffix == ".json" else to_html(brief) if suffix.startswith(".htm") else to_markdown(brief)
        output.write_text(text, encoding="utf-8")
        sys.stderr.write(f"wrote {output}\n")
    if as_json:
        print_json(brief.model_dump(mode="json"))
    elif output is None:
        sys.stdout.write(to_markdown(brief))
    if brief.stopped:
        raise typer.Exit(INTERRUPTED)


def _show(step: "Step") -> None:
    """Tell of a step on stderr, one line each."""
    from qa.research import Looked, Planned, Searching, Writing

    line = ""
    if isinstance(step, Planned):
        line = f"round {step.round}: {len(step.questions)} questions planned"
    elif isinstance(step, Searching):
        line = f"[{step.number}/{step.total}] {step.question}"
    elif isinstance(step, Looked):
        line = f"round {step.round} done: {step.sentences} sentences, {len(step.gaps)} gaps, {step.conflicts} conflicts"
    elif isinstance(step, Writing):
        line = "writing the brief"
    if line:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
