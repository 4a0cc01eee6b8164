"""How results look in a terminal: quotes, hits, tables and progress. Prints; computes nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from qa.answering.answer import Answer, Citation
    from qa.documents.model import Document
    from qa.retrieval.hits import Hit

WIDEST = 100  # columns; longer lines of prose are hard to read
NEAREST = 3  # passages shown below an abstention
SNIPPET = 300  # characters of a passage in a list

_LABELS = {
    "en": {
        "as of": "as of ", "conflict": "Sources disagree:", "nearest": "Nearest passages", "understood": "Understood as: ",
        "confidence": "confidence ", "newer": "newer", "primary": "primary source", "older": "outdated by",
        "note": "Note: ", "tokens": "{} + {} tokens", "partly": "only partly supported", "unsupported": "not supported by the evidence",
        "page": "{}, page {}",
    },
    "zh": {
        "as of": "截至 ", "conflict": "来源说法不一：", "nearest": "最接近的段落", "understood": "理解为：",
        "confidence": "置信度 ", "newer": "较新", "primary": "一手来源", "older": "已有更新数据，见",
        "note": "注：", "tokens": "{} + {} 个词元", "partly": "仅部分得到证据支持", "unsupported": "没有证据支持", "page": "{}，第{}页",
    },
}  # fmt: skip


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave a closed pipe to the command line; rich would end the process here."""
        raise BrokenPipeError


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: no markup, no emoji codes, no guessed colours."""
    console = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if console.is_terminal and console.width > WIDEST:
        console.width = WIDEST
    return console


def one_line(text: str) -> str:
    """Put each white space character's place under a plain space; offsets stay."""
    return re.sub(r"\s", " ", text)


def _paragraph(console: Console, text: Text | str, indent: str = "", first: str | None = None) -> None:
    """Print a paragraph with an indent; broken into lines only for a terminal, never inside a word."""
    text = Text(text) if isinstance(text, str) else text
    lines = text.wrap(console, max(24, console.width - len(indent))) if console.is_terminal else [text]
    for number, line in enumerate(lines):
        line.rstrip()
        console.print(Text(indent if number or first is None else first).append_text(line), soft_wrap=True)


def show_answer(console: Console, answer: Answer) -> None:
    """Print an answer, its numbered quotes with their sources, conflicts, or what came nearest."""
    labels = _LABELS[answer.language]
    if answer.standalone_question != answer.question:
        _paragraph(console, Text(labels["understood"] + answer.standalone_question, "dim"))
    if answer.abstained:
        _paragraph(console, answer.text)
        if answer.hits:
            console.print()
            console.print(Text(labels["nearest"], "bold"))
        for hit in answer.hits[:NEAREST]:
            show_place(console, f"{hit.rank}. ", hit.title, hit.section, hit.as_of, labels["as of"])
            _paragraph(console, Text(snippet(hit.text), "dim"), "   ")
    else:
        _paragraph(console, _marked(answer, labels))
        console.print()
        for citation in answer.citations:
            _show_citation(console, citation, labels)
    for conflict in answer.conflicts:
        console.print(Text(labels["conflict"], "bold yellow"))
        for value in conflict.values:
            note = f", {labels[value.note]}" if value.note else ""
            _paragraph(console, f"{value.value} ({value.date}{note}) [{value.citation}]", "    ", "  - ")
        console.print()
    if answer.comparison:
        for side in answer.comparison.sides:
            _paragraph(console, f"{side.name}: {side.value} ({side.date}) [{side.citation}]", "    ", "  - ")
        _paragraph(console, Text(answer.comparison.computed, "italic"))
        console.print()
    for note in answer.notes:
        _paragraph(console, Text(labels["note"] + note, "yellow"))
    if not answer.abstained or answer.usage:
        about = [f"{labels['confidence']}{answer.confidence:.2f}", answer.mode, f"{answer.timings_ms.get('total', 0.0):.0f} ms"]
        if answer.usage:
            about.append(labels["tokens"].format(answer.usage.prompt_tokens, answer.usage.completion_tokens))
        console.print(Text(" · ".join(about), "dim"))


def _marked(answer: Answer, labels: Mapping[str, str]) -> Text:
    """Join the sentences with their [n] marks; what answers is set in bold."""
    whole = Text()
    for sentence in answer.sentences:
        text = Text(one_line(sentence.text))
        for start, end in sentence.marks:
            text.stylize("bold", start, end)
        whole.append(" " if whole else "").append_text(text)
        for number in sentence.citations:
            whole.append(f" [{number}]", "cyan")
        if sentence.superseded_by is not None:
            whole.append(f" ({labels['older']} [{sentence.superseded_by}])", "dim")
        if sentence.support != "supported":
            whole.append(f" ({labels[sentence.support]})", "yellow")
    return whole or Text(answer.text)


def _show_citation(console: Console, citation: Citation, labels: Mapping[str, str]) -> None:
    mark = f"[{citation.number}] "
    indent = " " * len(mark)
    show_place(console, mark, citation.title, citation.section, citation.as_of, labels["as of"])
    _paragraph(console, f"“{' '.join(citation.quote.split())}”", indent)
    if citation.origin:
        page = citation.page
        _paragraph(console, Text(citation.origin if page is None else labels["page"].format(citation.origin, page), "dim"), indent)
    for source in citation.sources:
        _paragraph(console, Text(f"{source.publisher}, “{source.title}”, {source.date}", "dim"), indent)
        if source.url:
            console.print(Text(indent).append(source.url, f"cyan link {source.url}"), soft_wrap=True)
    console.print()


def show_place(console: Console, mark: str, title: str, section: str, as_of: str, label: str) -> None:
    """Print where something stands: document, section and date."""
    text = Text(title, "bold")
    if section:
        text.append(f" › {section}", "not bold")
    if as_of:
        text.append(f" · {label}{as_of}", "not bold dim")
    _paragraph(console, text, " " * len(mark), mark)


def snippet(text: str) -> str:
    """Return the beginning of a passage on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= SNIPPET else flat[:SNIPPET].rsplit(" ", 1)[0] + " …"


def show_hits(console: Console, hits: Sequence[Hit], ranks: Mapping[str, Mapping[str, int]] | None) -> None:
    """Print passages, best first.

    Args:
        console: where to.
        hits: the passages.
        ranks: of each passage (by its id) and signal, to explain the order; None shows none.
    """
    if not hits:
        console.print("no passage matches; ask with other words or a wider scope")
    for hit in hits:
        show_place(console, f"{hit.rank:2}. ", hit.title, hit.section, hit.as_of, "")
        _paragraph(console, snippet(hit.text), "    ")
        console.print(Text(f"    {hit.document_id}:{hit.start}-{hit.end} · score {hit.score:.4f}", "dim"), soft_wrap=True)
        if ranks is not None:
            for name, value in hit.signals.items():
                console.print(f"    {name:<9} {value:9.4f}  rank {ranks[hit.passage_id][name]}", soft_wrap=True)


def show_documents(console: Console, documents: Sequence[Document]) -> None:
    """Print a table of documents."""
    rows = [(d.id, d.language, d.topic, d.as_of, str(len(d.sources)), d.title) for d in documents]
    show_table(console, ("id", "language", "topic", "as of", "sources", "title"), rows)


def show_table(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: with aligned columns in a terminal, with tabs between the values elsewhere."""
    if not console.is_terminal:
        for row in rows:
            console.file.write("\t".join(row) + "\n")  # rich would turn the tabs into spaces
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold", no_wrap=name != head[-1])
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def show_facts(console: Console, facts: Mapping[str, object]) -> None:
    """Print names and values, one pair a line."""
    width = max(map(len, facts))
    for name, value in facts.items():
        console.print(Text(f"{name:<{width}}  ", "dim").append(str(value), "default"), soft_wrap=True)


@contextmanager
def progress(waiting: str, working: str) -> Iterator[Callable[[int, int], None]]:
    """Show what takes time on stderr, and yield a function that takes done and total.

    A terminal sees a spinner, and a bar from the first call on; elsewhere the first call prints
    one line.

    Args:
        waiting: shown until the first call.
        working: shown from then on.
    """
    console = make_console(stderr=True)
    if not console.is_terminal:
        told = False

        def tell(done: int, total: int) -> None:
            nonlocal told
            if not told and done < total:
                before = f", {done} of them done before" if done > 1 else ""  # the first call may come after the first one
                sys.stderr.write(f"{working}: {total} to do{before}\n")
                told = True

        yield tell
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(waiting, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, description=working, completed=done, total=total)

        yield advance
