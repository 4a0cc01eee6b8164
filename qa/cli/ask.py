"""``qa ask`` and ``qa search``."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli.options import AsJson, command, settings_of
from qa.cli.shared import open_assistant, print_json, read_question

if TYPE_CHECKING:
    from qa.answering.answer import Answer
    from qa.llm import Event
    from qa.retrieval.filters import Filters
    from qa.retrieval.hits import Hit

EXPLAINED = 60  # passages among which --explain ranks a signal: the candidates of the search

app = typer.Typer()


@command(app, epilog='Example: qa ask "When did DeepSeek release R1?" --since 2025')
def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="In English or Chinese; - reads it from stdin.")],
    *,
    history: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="An earlier question of the conversation; repeatable.")] = None,
    llm: Annotated[str | None, typer.Option(metavar="NAME", help="Let a language model write, checked: PROVIDER or PROVIDER:MODEL.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="With --llm: only sentences that the evidence supports.")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="With --llm: show its words as they come, before they are checked.")] = False,
    llm_rewrite: Annotated[bool, typer.Option("--llm-rewrite", help="With --llm: let it make follow-ups stand alone.")] = False,
    filters: "Filters",
    as_json: AsJson = False,
) -> None:
    """Answer a question with cited quotes, or say what was not found."""
    settings = settings_of(context)
    clean = read_question(question, settings)
    if llm is None:
        for name, given in (("--strict", strict), ("--stream", stream), ("--llm-rewrite", llm_rewrite)):
            if given:
                raise typer.BadParameter("goes with --llm; add --llm NAME or leave it out", param_hint=name)
    else:
        from qa.llm import resolve

        resolve(llm, settings.llm)  # says what is wrong before the index is opened
    assistant = open_assistant(settings, filters)
    if stream:
        steps = assistant.stream(clean, history=history or (), filters=filters, llm=llm, strict=strict, llm_rewrite=llm_rewrite)
        answer = _follow(steps, as_json)
    else:
        answer = assistant.ask(clean, history=history or (), filters=filters, llm=llm, strict=strict, llm_rewrite=llm_rewrite)
    if as_json:
        if not stream:
            print_json(answer.model_dump(mode="json"))
        return
    from qa.terminal import make_console, show_answer

    show_answer(make_console(), answer)


def _follow(steps: "Iterator[Event]", as_json: bool) -> "Answer":
    """Show a model's words as they come: on stderr, or each step as a line of JSON on stdout."""
    from qa.llm import Done, Piece, Thinking

    thinking = False
    for step in steps:
        if as_json:
            sys.stdout.write(step.model_dump_json() + "\n")
            sys.stdout.flush()
        elif isinstance(step, Piece):
            sys.stderr.write(step.text)
            sys.stderr.flush()
        elif isinstance(step, Thinking) and not thinking:
            thinking = True
            sys.stderr.write("(reasoning)\n")
        if isinstance(step, Done):
            if not as_json:
                sys.stderr.write("\n\n")
            return step.answer
    raise AssertionError("a stream of steps ends with Done")


@command(app, epilog='Example: qa search "export controls H20" -k 5 --explain')
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="In English or Chinese; - reads it from stdin.")],
    *,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, metavar="N", help="How many passages.")] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Show each signal's score and the rank that it gives.")] = False,
    filters: "Filters",
    as_json: AsJson = False,
) -> None:
    """List the best passages for a query."""
    settings = settings_of(context)
    clean = read_question(query, settings)
    found = open_assistant(settings, filters).search(clean, max(k, EXPLAINED) if explain else k, filters)
    ranks = _signal_ranks(found) if explain else None
    hits = found[:k]
    if as_json:
        print_json([{**h.model_dump(mode="json"), **({"ranks": ranks[h.passage_id]} if ranks else {})} for h in hits])
        return
    from qa.terminal import make_console, show_hits

    show_hits(make_console(), hits, ranks)


def _signal_ranks(hits: "Sequence[Hit]") -> dict[str, dict[str, int]]:
    """Rank the passages by each signal alone; equal values share the better rank."""
    ranks: dict[str, dict[str, int]] = {h.passage_id: {} for h in hits}
    for name in dict.fromkeys(n for h in hits for n in h.signals):
        values = sorted((h.signals.get(name, 0.0) for h in hits), reverse=True)
        for hit in hits:
            ranks[hit.passage_id][name] = values.index(hit.signals.get(name, 0.0)) + 1
    return ranks
