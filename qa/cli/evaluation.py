"""``qa eval``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from qa.cli.options import AsJson, command, settings_of
from qa.cli.shared import open_assistant, print_json
from qa.errors import QAError

app = typer.Typer()


@command(app, "eval", epilog="Example: qa eval test --out reports/test --compare baseline.json")
def evaluate(
    context: typer.Context,
    questions: Annotated[str, typer.Argument(metavar="SET|FILE", help="dev, test, or a JSON Lines file.")] = "dev",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the report, the answers and the plots here.")] = None,
    compare: Annotated[Path | None, typer.Option(metavar="FILE", help="A baseline.json; a significant regression fails.")] = None,
    subset: Annotated[int | None, typer.Option(min=1, metavar="N", help="Ask only every n-th question.")] = None,
    determinism: Annotated[bool, typer.Option("--determinism", help="Ask everything twice; answers that differ fail.")] = False,
    llm: Annotated[str | None, typer.Option(metavar="NAME", help="Let a language model write the answers: PROVIDER or PROVIDER:MODEL.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="With --llm: only sentences that the evidence supports.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Ask at most N questions, spread over the set.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask every question of a set and judge the answers."""
    settings = settings_of(context)
    from qa.evaluation.questions import SETS, load_questions

    load_questions(questions)  # says what is wrong before the model is loaded
    if llm is not None:
        from qa.llm import resolve

        resolve(llm, settings.llm)
    elif strict:
        raise typer.BadParameter("goes with --llm; add --llm NAME or leave it out", param_hint="--strict")
    # The shipped sets ask about the corpus; figures must not depend on whose library it is.
    assistant = open_assistant(settings, own_documents=questions not in SETS)
    from qa.evaluation.report import evaluate as run_evaluation
    from qa.terminal import progress

    with progress("Reading the questions", "Asking") as advance:
        result = run_evaluation(assistant, questions, out, compare, subset, determinism, advance, llm=llm, strict=strict, limit=limit)
    if as_json:
        print_json(result.report)
    else:
        sys.stdout.write(result.markdown.rstrip("\n") + "\n")
    for file in result.files:
        sys.stderr.write(f"wrote {file}\n")
    if result.failures:
        raise QAError("the gate fails: " + "; ".join(f.rstrip(".") for f in result.failures))
