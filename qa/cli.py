"""The command line: ``qa ask``, ``qa search``, ``qa serve`` and the rest.

Results go to stdout, all else to stderr. Exit codes: 0 done, 1 failed with one line that says what
to do, 2 wrong use, 130 interrupted. Everything heavy is imported inside the commands, so that
``--help`` is there at once.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.errors import BadQuestion, IndexDamaged, QAError

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.retrieval.filters import Filters
    from qa.retrieval.hits import Hit
    from qa.settings import Settings

LARGEST_INPUT = 8_000_000  # bytes read from stdin; the longest question is far below
EXPLAINED = 60  # passages among which --explain ranks a signal: the candidates of the search
BROKEN_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1  # what a shell reports for it

# Typer keeps its own copy of click; its usage errors are the parents of the one that it shows.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="qa",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
index_app = typer.Typer(help="Build and look after the index.", no_args_is_help=True)
corpus_app = typer.Typer(help="Check and describe the corpus.", no_args_is_help=True)
app.add_typer(index_app, name="index")
app.add_typer(corpus_app, name="corpus")


class Language(StrEnum):
    """A language of documents."""

    en = "en"
    zh = "zh"


_SHARED = "Options of every command"
IndexFolder = Annotated[Path | None, typer.Option("--index", metavar="DIR", help="Folder of the index.", rich_help_panel=_SHARED)]
CorpusFolder = Annotated[Path | None, typer.Option("--corpus", metavar="DIR", help="Folder of the corpus.", rich_help_panel=_SHARED)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Only documents on this topic; repeatable.")]
Languages = Annotated[list[Language] | None, typer.Option("--language", help="Only documents in this language; repeatable.")]
Documents = Annotated[list[str] | None, typer.Option("--document", metavar="ID", help="Only this document; repeatable.")]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="Only documents as of this date (YYYY, YYYY-MM or YYYY-MM-DD) or later.")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Only documents as of this date or earlier.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: the words after "qa"; those of the process where None.
    """
    _quiet()
    try:
        result = app(list(sys.argv[1:] if arguments is None else arguments), prog_name="qa", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except _UsageError as error:
        return _usage(error)
    except QAError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # Python flushes stdout once more at exit; what is left must not go to the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}; correct that and run the command again")


def _quiet() -> None:
    """Keep the model libraries' notes off the user's terminal; must run before they are imported."""
    import logging
    import warnings

    for name, value in {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())  # else Python itself prints warnings that nobody handles
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _complain(message: str, code: int = 1) -> int:
    sys.stderr.write(f"qa: {' '.join(message.split())}\n")
    return code


def _usage(error: Exception) -> int:
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help, already shown
        return 2
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    path = context.command_path if context is not None else "qa"
    if "extra argument" in message:
        message = message.rstrip(". ") + "; put a question of several words in quotes"
    return _complain(f"{message.rstrip('. ')}. See: {path} --help", 2)


def _version(asked: bool) -> None:
    if asked:
        import qa

        sys.stdout.write(f"qa {qa.__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog='Example: qa ask "How small is the MMLU gap between US and Chinese models?"')
def root(
    context: typer.Context,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Cited answers to questions about China's AI progress."""
    context.obj = {"index": index, "corpus": corpus}
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


def _settings(context: typer.Context, index: Path | None, corpus: Path | None, **values: Any) -> Settings:
    from qa.settings import load_settings

    shared: Mapping[str, Path | None] = context.find_root().obj
    return load_settings(index=index or shared["index"], corpus=corpus or shared["corpus"], **values)


def _question(argument: str, settings: Settings) -> str:
    """Return the question, read from stdin for "-"; checked here, before a model is loaded for it."""
    from qa.assistant import check_question

    if argument == "-":
        if sys.stdin is None:
            raise BadQuestion("there is no input to read a question from; give it as an argument")
        raw = sys.stdin.buffer.read(LARGEST_INPUT)
        try:
            argument = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if len(raw) < LARGEST_INPUT or error.start < len(raw) - 4:
                raise BadQuestion("the input is not UTF-8 text; give a question in English or Chinese") from error
            argument = raw[: error.start].decode("utf-8-sig")
    return check_question(argument, settings.max_question_chars)


def _filters(
    topics: list[str] | None, languages: list[Language] | None, documents: list[str] | None, since: str | None, until: str | None
) -> Filters:
    from qa.documents.model import TOPICS
    from qa.retrieval.filters import Filters

    for topic in topics or ():
        if topic not in TOPICS:
            raise typer.BadParameter(f"unknown topic {topic!r}; use one of {', '.join(TOPICS)}", param_hint="--topic")
    for hint, date in (("--since", since), ("--until", until)):
        if date is not None and not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", date):
            raise typer.BadParameter(f"{date!r} is not a date like 2025, 2025-03 or 2025-03-31", param_hint=hint)
    return Filters(
        topics=tuple(topics or ()),
        languages=tuple(x.value for x in languages or ()),
        documents=tuple(documents or ()),
        since=since,
        until=until,
    )


def _open(settings: Settings, documents: list[str] | None = None) -> Assistant:
    from qa.terminal import progress

    with progress("Opening the index and the model", "Building the index") as advance:
        from qa.assistant import Assistant

        assistant = Assistant.open(settings=settings, progress=advance)
    for document in documents or ():
        assistant.document(document)  # an unknown id is an error, not an empty result
    return assistant


def _print_json(value: Any) -> None:
    """Print JSON; characters that the terminal cannot show are escaped, never lost."""
    escape = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, ensure_ascii=escape, indent=2) + "\n")


@app.command(epilog="Example: qa serve --port 8000")
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 if not set.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="First port to try; 7860 if not set.")] = None,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
) -> None:
    """Serve the page in the browser; a missing or stale index is built first."""
    settings = _settings(context, index, corpus, host=host, port=port)
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


@app.command(epilog='Example: qa ask "When did DeepSeek release R1?" --since 2025')
def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="In English or Chinese; - reads it from stdin.")],
    history: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="An earlier question of the conversation; repeatable.")] = None,
    topic: Topics = None,
    language: Languages = None,
    since: Since = None,
    until: Until = None,
    document: Documents = None,
    as_json: AsJson = False,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
) -> None:
    """Answer a question with cited quotes, or say what was not found."""
    settings = _settings(context, index, corpus)
    filters = _filters(topic, language, document, since, until)
    clean = _question(question, settings)
    answer = _open(settings, document).ask(clean, history=history or (), filters=filters)
    if as_json:
        _print_json(answer.model_dump(mode="json"))
        return
    from qa.terminal import make_console, show_answer

    show_answer(make_console(), answer)


@app.command(epilog='Example: qa search "export controls H20" -k 5 --explain')
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="In English or Chinese; - reads it from stdin.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, metavar="N", help="How many passages.")] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Show each signal's score and the rank that it gives.")] = False,
    topic: Topics = None,
    language: Languages = None,
    since: Since = None,
    until: Until = None,
    document: Documents = None,
    as_json: AsJson = False,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
) -> None:
    """List the best passages for a query."""
    settings = _settings(context, index, corpus)
    filters = _filters(topic, language, document, since, until)
    clean = _question(query, settings)
    found = _open(settings, document).search(clean, max(k, EXPLAINED) if explain else k, filters)
    ranks = _signal_ranks(found) if explain else None
    hits = found[:k]
    if as_json:
        _print_json([{**h.model_dump(mode="json"), **({"ranks": ranks[h.passage_id]} if ranks else {})} for h in hits])
        return
    from qa.terminal import make_console, show_hits

    show_hits(make_console(), hits, ranks)


def _signal_ranks(hits: Sequence[Hit]) -> dict[str, dict[str, int]]:
    """Rank the passages by each signal alone; equal values share the better rank."""
    ranks: dict[str, dict[str, int]] = {h.passage_id: {} for h in hits}
    for name in dict.fromkeys(n for h in hits for n in h.signals):
        values = sorted((h.signals.get(name, 0.0) for h in hits), reverse=True)
        for hit in hits:
            ranks[hit.passage_id][name] = values.index(hit.signals.get(name, 0.0)) + 1
    return ranks


@app.command(epilog="Example: qa documents --topic chips")
def documents(
    context: typer.Context,
    topic: Topics = None,
    language: Languages = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
) -> None:
    """List the documents of the corpus."""
    settings = _settings(context, index, corpus)
    filters = _filters(topic, language, None, since, until)
    from qa.documents import load_corpus

    found = [d for d in load_corpus(settings.corpus).documents if filters.admits(d)]
    if as_json:
        keep = {"id", "title", "language", "topic", "entities", "as_of", "translation_of", "sources"}
        _print_json([d.model_dump(mode="json", include=keep) for d in found])
        return
    from qa.terminal import make_console, show_documents

    show_documents(make_console(), found)


@index_app.command("build", epilog="Example: qa index build --force")
def index_build(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Build even if nothing has changed, and encode everything anew.")] = False,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
) -> None:
    """Build the index where it is missing or stale."""
    settings = _settings(context, index, corpus)
    from qa.terminal import progress

    with progress("Reading the corpus", "Building the index") as advance:
        from qa.assistant import index_manifest, rebuild, staleness
        from qa.index import Snapshot

        why = staleness(settings)  # refuses a folder of other files, forced or not
        if not why and not force:
            try:
                Snapshot.load(settings.index)
            except IndexDamaged as error:
                why = str(error)
        if why or force:
            rebuild(settings, advance, fresh=force)
    manifest = index_manifest(settings)
    state = "built" if why or force else "up to date"
    sys.stdout.write(f"{state}: {manifest.passages} passages of {manifest.documents} documents in {settings.index}\n")


@index_app.command("status", epilog="Example: qa index status --json")
def index_status(context: typer.Context, as_json: AsJson = False, index: IndexFolder = None, corpus: CorpusFolder = None) -> None:
    """Show what the index was built from and whether it is up to date."""
    settings = _settings(context, index, corpus)
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
        _print_json(facts)
        return
    from qa.terminal import make_console, show_facts

    facts["state"] = f"stale: {why}; run: qa index build" if why else "up to date"
    facts["size"] = f"{facts.pop('bytes') / 1e6:.1f} MB"
    del facts["reason"]
    show_facts(make_console(), facts)


@index_app.command("verify", epilog="Example: qa index verify")
def index_verify(context: typer.Context, index: IndexFolder = None, corpus: CorpusFolder = None) -> None:
    """Read every file of the index again and compare it with its digest."""
    settings = _settings(context, index, corpus)
    from qa.index import Snapshot

    snapshot = Snapshot.load(settings.index)
    sys.stdout.write(f"intact: {len(snapshot.manifest.files)} files of {snapshot.generation} in {settings.index}\n")


@index_app.command("gc", epilog="Example: qa index gc")
def index_gc(context: typer.Context, index: IndexFolder = None, corpus: CorpusFolder = None) -> None:
    """Remove old generations, but for the current one and the one before it."""
    settings = _settings(context, index, corpus)
    from qa.index.builder import collect

    removed = collect(settings.index)
    sys.stdout.write(f"removed {len(removed)} old generation{'' if len(removed) == 1 else 's'} from {settings.index}\n")


@corpus_app.command("check", epilog="Example: qa corpus check --corpus my-corpus")
def corpus_check(context: typer.Context, as_json: AsJson = False, index: IndexFolder = None, corpus: CorpusFolder = None) -> None:
    """Check every rule of the corpus and list all problems with file and line."""
    settings = _settings(context, index, corpus)
    from qa.doctor import corpus_problems
    from qa.documents import left_out

    problems = corpus_problems(settings.corpus)
    for note in left_out():
        sys.stderr.write(f"note: {note}\n")
    if as_json:
        _print_json(problems)
    elif problems:
        sys.stdout.write("\n".join(problems) + "\n")
    else:
        sys.stdout.write(f"no problems in {settings.corpus}\n")
    if problems:
        raise QAError(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in {settings.corpus}; correct them, then run: qa corpus check")


@corpus_app.command("report", epilog="Example: qa corpus report --plot corpus.png")
def corpus_report(
    context: typer.Context,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw topics and years into this image file.")] = None,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
) -> None:
    """Describe the corpus in figures, as Markdown: sizes, topics and years, sources."""
    settings = _settings(context, index, corpus)
    from qa.documents import corpus_report as report
    from qa.documents import load_corpus, plot_corpus

    loaded = load_corpus(settings.corpus)
    if plot is not None:
        plot_corpus(loaded, plot)
        sys.stderr.write(f"wrote {plot}\n")
    sys.stdout.write(report(loaded))


@app.command("eval", epilog="Example: qa eval test --out reports/test --compare baseline.json")
def evaluate(
    context: typer.Context,
    questions: Annotated[str, typer.Argument(metavar="SET|FILE", help="dev, test, or a JSON Lines file.")] = "dev",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the report, the answers and the plots here.")] = None,
    compare: Annotated[Path | None, typer.Option(metavar="FILE", help="A baseline.json; a significant regression fails.")] = None,
    subset: Annotated[int | None, typer.Option(min=1, metavar="N", help="Ask only every n-th question.")] = None,
    determinism: Annotated[bool, typer.Option("--determinism", help="Ask everything twice; answers that differ fail.")] = False,
    as_json: AsJson = False,
    index: IndexFolder = None,
    corpus: CorpusFolder = None,
) -> None:
    """Ask every question of a set and judge the answers."""
    settings = _settings(context, index, corpus)
    from qa.evaluation.questions import load_questions

    load_questions(questions)  # says what is wrong before the model is loaded
    assistant = _open(settings)
    from qa.evaluation.report import evaluate as run_evaluation
    from qa.terminal import progress

    with progress("Reading the questions", "Asking") as advance:
        result = run_evaluation(assistant, questions, out, compare, subset, determinism, advance)
    if as_json:
        _print_json(result.report)
    else:
        sys.stdout.write(result.markdown.rstrip("\n") + "\n")
    for file in result.files:
        sys.stderr.write(f"wrote {file}\n")
    if result.failures:
        raise QAError("the gate fails: " + "; ".join(f.rstrip(".") for f in result.failures))


@app.command(epilog="Example: qa doctor")
def doctor(context: typer.Context, as_json: AsJson = False, index: IndexFolder = None, corpus: CorpusFolder = None) -> None:
    """Look at versions, model, corpus, index and disk, and say what to do about each."""
    settings = _settings(context, index, corpus)
    from qa.doctor import examine

    checks = examine(settings)
    if as_json:
        _print_json([c.as_dict() for c in checks])
    else:
        for check in checks:
            advice = f"; {check.advice}" if not check.ok and check.advice else ""
            sys.stdout.write(f"{'ok  ' if check.ok else 'TODO'}  {check.name:<8}  {check.found}{advice}\n")
    bad = [c.name for c in checks if not c.ok]
    if bad:
        raise QAError(f"not as it should be: {', '.join(bad)}; the lines above say what to do")
