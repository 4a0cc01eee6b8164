import io

import pytest
from rich.console import Console
from samples import CASES

from qa import terminal

WIDTH = 60


@pytest.fixture
def screen():
    """A terminal of 60 columns without colours, and what it shows."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=WIDTH, color_system=None, markup=False, emoji=False, highlight=False)
    return console, file


def columns(line: str) -> int:
    return sum(2 if "\u2e80" <= c <= "\uffef" else 1 for c in line)


@pytest.mark.parametrize("question", [*(q for q, _, _ in CASES), "What revenue had the Chinese cloud market in 2024?", "How high is Kilimanjaro?"])
def test_answers_fit_the_terminal_and_keep_every_word(screen, assistant, question):
    console, file = screen
    answer = assistant.ask(question)
    terminal.show_answer(console, answer)
    text = file.getvalue()
    for line in text.splitlines():
        assert columns(line) <= WIDTH or "https://" in line, line
    unwrapped = "".join(text.split())
    for citation in answer.citations:
        assert "".join(citation.quote.split()) in unwrapped
        assert "".join(citation.title.split()) in unwrapped
        for source in citation.sources:
            assert source.url in text
    assert "".join(answer.text.split()) in unwrapped


def test_texts_that_look_like_markup_are_shown_as_they_are(screen, assistant):
    console, file = screen
    terminal.show_facts(console, {"name": "[bold]x[/bold] :smile: [/]"})
    terminal.show_table(console, ("a", "b"), [("[red]1", ":cat:")])
    assert "[bold]x[/bold] :smile: [/]" in file.getvalue()
    assert "[red]1" in file.getvalue()
    assert ":cat:" in file.getvalue()


def test_hits_are_listed_with_and_without_ranks(screen, assistant):
    console, file = screen
    hits = assistant.search("DeepSeek", k=2)
    terminal.show_hits(console, hits, None)
    assert "rank" not in file.getvalue()
    terminal.show_hits(console, hits, {h.passage_id: dict.fromkeys(h.signals, 7) for h in hits})
    assert "rank 7" in file.getvalue()
    terminal.show_hits(console, [], None)
    assert "no passage matches" in file.getvalue()


def test_progress_tells_once_where_there_is_no_terminal(capsys):
    with terminal.progress("Waiting", "Working") as advance:
        for done in range(4):
            advance(done, 3)
    assert capsys.readouterr().err == "Working: 3 to do\n"


def test_progress_is_silent_where_nothing_is_to_do(capsys):
    with terminal.progress("Waiting", "Working") as advance:
        advance(3, 3)
    assert capsys.readouterr().err == ""


def test_a_snippet_is_one_short_line():
    assert terminal.snippet("a\n b") == "a b"
    assert len(terminal.snippet("word " * 200)) <= terminal.SNIPPET + 2
