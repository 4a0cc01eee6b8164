"""Briefs as Markdown and HTML, and the command that writes them."""

import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import failed

from qa.answering.answer import Citation, Sentence
from qa.documents.model import Source
from qa.research import Brief, Chart, Figure, Section, to_html, to_markdown
from qa.research.model import Dated
from qa.research.picture import picture

HOSTILE = "<script>alert(1)</script> & [x](javascript:alert(2)) `code` | \"><img src=http://evil.example/x.png> **bold**"
QUESTION = "What has DeepSeek achieved and what did R1 cost?"


def hostile_brief() -> Brief:
    source = Source(publisher=HOSTILE, title=HOSTILE, date="2025", url="javascript:alert(3)")
    citation = Citation(
        number=1, quote=HOSTILE, document_id="d", title=HOSTILE, section=HOSTILE, start=0, end=9, as_of="2025", sources=(source,), score=1.0
    )
    sentence = Sentence(text=HOSTILE, citations=(1,), support="supported")
    chart = Chart(slug="c", title=HOSTILE, unit=HOSTILE, note=HOSTILE, dated=False, points=((HOSTILE, 1.0), ("b", -2.0)), sources=(source,))
    return Brief(
        question=HOSTILE,
        title=HOSTILE,
        language="en",
        summary=(sentence,),
        sections=(Section(aspect="main", heading=HOSTILE, sentences=(sentence,)),),
        figures=(Figure(what=HOSTILE, value="1", unit=HOSTILE, date="2025", citation=1),),
        timeline=(Dated(date="2025", statement=HOSTILE, citation=1),),
        charts=(chart,),
        conflicts=(),
        gaps=(),
        references=(citation,),
        asked=(),
        evidence_until="2025",
        stopped=False,
        mode="extractive",
        notes=(HOSTILE,),
    )


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attributes]

    def handle_data(self, data):
        self.text += data


def test_html_runs_loads_and_sends_nothing_whatever_documents_say():
    page = Page(to_html(hostile_brief()))
    assert {"script", "img", "iframe", "link", "form", "object", "base"}.isdisjoint(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on") or a[1] in ("src", "srcset", "action", "style")]
    assert all(value.startswith("#") for tag, name, value in page.attributes if name == "href")  # the only address is a javascript: one
    assert "url(" not in to_html(hostile_brief())
    assert page.text.count("<script>alert(1)</script>") >= 8
    assert any(a[1] == "content" and "default-src 'none'" in a[2] for a in page.attributes)


def test_html_links_every_mark_to_its_reference(assistant):
    brief = assistant.research(QUESTION)
    page = Page(to_html(brief))
    targets = {value for _, name, value in page.attributes if name == "id"}
    marks = {value for tag, name, value in page.attributes if tag == "a" and name == "href" and value.startswith("#")}
    assert {m[1:] for m in marks} <= targets
    assert {f"ref-{c.number}" for c in brief.references} <= targets
    assert {value for _, name, value in page.attributes if name == "lang"} == {"en"}
    for citation in brief.references:
        assert citation.quote in page.text
        assert all(s.url in {v for _, n, v in page.attributes if n == "href"} for s in citation.sources)


def test_markdown_escapes_what_documents_say_and_numbers_references(assistant):
    text = to_markdown(hostile_brief())
    assert "<script>" not in re.sub(r"\\<", "", text)
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "\\*\\*bold\\*\\*" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (3, 6) for row in rows)  # a bar in a text opens no column
    brief = assistant.research(QUESTION)
    lines = to_markdown(brief).splitlines()
    assert lines[0] == "# What has DeepSeek achieved and what did R1 cost"
    for citation in brief.references:
        assert any(line.startswith(f"{citation.number}. “") for line in lines)


def test_a_picture_holds_every_value_for_those_who_cannot_see_it():
    chart = Chart(slug="c", title="Gap", unit="points", note="", dated=True, points=(("2023", 17.5), ("2024-12", 0.3)), sources=())
    drawn = picture(chart)
    assert 'aria-label="Gap (points): 2023 17.5; 2024-12 0.3"' in drawn
    assert drawn.count("<circle") == 2
    bars = picture(chart.model_copy(update={"dated": False, "points": (("a", 3.0), ("b", -1.0))}))
    assert bars.count("<rect") == 2
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="18"', bars)]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)


# The command


def test_the_command_prints_markdown_and_tells_its_steps_on_stderr(run, hash_model):
    code, out, err = run("research", QUESTION)
    assert code == 0
    assert out.startswith("# What has DeepSeek achieved")
    assert "## References" in out
    assert "round 1:" in err
    assert "[1/" in err
    assert "writing the brief" in err


@pytest.mark.parametrize("name", ["brief.md", "brief.html", "brief.json"])
def test_the_ending_of_the_file_chooses_the_form(run, hash_model, tmp_path, name):
    path = tmp_path / name
    code, out, err = run("research", QUESTION, "--output", path, "--max-questions", "4")
    assert (code, out) == (0, "")
    assert f"wrote {path}" in err
    text = path.read_text(encoding="utf-8")
    if name.endswith("json"):
        assert Brief.model_validate_json(text).question == QUESTION
    else:
        assert text.startswith("<!doctype html>" if name.endswith("html") else "# What")


def test_the_command_prints_json(run, hash_model):
    code, out, _ = run("research", QUESTION, "--json", "--max-questions", "3")
    brief = Brief.model_validate(json.loads(out))
    assert (code, len(brief.asked)) == (0, 3)


def test_wrong_use_is_said_before_the_index_is_opened(run, tmp_path):
    failed(run("research", QUESTION, "--output", "brief.docx"), "must end in", code=2)
    failed(run("research", QUESTION, "--output", tmp_path / "nowhere" / "b.md"), "no folder", code=2)
    failed(run("research", "  "), "empty")
    failed(run("research", QUESTION, "--llm", "no-such-model"), "no-such-model")


_INTERRUPTED = """
import sys
sys.path.insert(0, {tests!r})
import time
from samples import HashEmbedder
import qa.assistant
from qa.research.collect import Collector
for name in ("build_embedder", "question_embedder"):
    setattr(qa.assistant, name, lambda settings: HashEmbedder())
qa.assistant.model_identity = lambda model: HashEmbedder().identity
ask = Collector.ask
def slow(self, task, number):
    time.sleep(0.3)
    ask(self, task, number)
Collector.ask = slow
from qa.cli import main
sys.exit(main(["research", {question!r}]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends an interrupt")
def test_ctrl_c_keeps_what_was_found(corpus, index):
    tests = str(Path(__file__).parent)
    environment = {**os.environ, "QA_CORPUS": str(corpus), "QA_INDEX": str(index)}
    code = _INTERRUPTED.format(tests=tests, question=QUESTION)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )
    for line in process.stderr:
        if line.startswith("[3/"):
            time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "> Stopped before the end" in out
    assert "294,000" in out
    assert "stopping;" in err
