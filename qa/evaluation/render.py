"""The report as Markdown and as one self-contained HTML page: text in, text out."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Any

from qa.evaluation.run import VERDICTS, Outcome

PLOTS = {
    "accuracy.png": "Bars: share of right answers for each kind of question, English and Chinese",
    "reliability.png": "Share of right answers against confidence; the diagonal is perfect calibration",
    "risk_coverage.png": "Share of wrong answers as ever less confident answers are given",
    "latency.png": "Histogram of the milliseconds that an answer took",
}


@dataclass(frozen=True)
class Table:
    """A titled table; the first column is text, the others are figures."""

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def markdown(report: Mapping[str, Any], plots: bool = False) -> str:
    """Write the report as Markdown.

    Args:
        report: what ``report.json`` holds.
        plots: whether to show the plots, as files beside the report.
    """
    lines = [f"# {_title(report)}", "", _made(report), ""]
    if report["failures"]:
        lines += ["**Failed:**", "", *(f"- {_cell(f)}" for f in report["failures"]), ""]
    for table in tables(report):
        lines += [f"## {table.title}", ""]
        if table.note:
            lines += [_cell(table.note), ""]
        if table.rows:
            lines += ["| " + " | ".join(table.header) + " |", "| --- |" + " ---: |" * (len(table.header) - 1)]
            lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in table.rows]
            lines.append("")
    if plots:
        lines += ["## Plots", "", *(f"![{alt}]({name})\n" for name, alt in PLOTS.items())]
    return "\n".join(lines).rstrip() + "\n"


def page(report: Mapping[str, Any], outcomes: Sequence[Outcome], plots: Mapping[str, bytes]) -> str:
    """Write the report as a page that loads nothing: plots and style are inside."""
    parts = [_html_table(t) for t in tables(report)]
    images = [
        f'<figure><img alt="{html.escape(PLOTS[name])}" src="data:image/png;base64,{base64.b64encode(data).decode()}"></figure>'
        for name, data in plots.items()
    ]
    failures = "".join(f'<p class="failed">{html.escape(f)}</p>' for f in report["failures"])
    astray = [o for o in outcomes if not o.good or not o.valid]
    template = (resources.files("qa.evaluation") / "report_template.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=html.escape(_title(report)),
        made=html.escape(_made(report)),
        failures=failures,
        cards="".join(f'<div class="card"><b>{html.escape(v)}</b><span>{html.escape(n)}</span></div>' for n, v in _cards(report["summary"])),
        first="".join(parts[:1]),
        plots="".join(images),
        rest="".join(parts[1:]),
        astray=f"<h2>Answers that went astray ({len(astray)})</h2>" + "".join(map(_html_outcome, astray)) if astray else "",
    )


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the report's tables in order."""
    s = report["summary"]
    if report["comparison"]:
        yield from _comparison_tables(report["comparison"])
    yield Table("Figures", "", ("figure", "value", "95% interval", "count"), tuple(_figures(s)))
    yield _group_table("By kind of question", s["by_kind"])
    yield _group_table("By language", s["by_language"])
    yield Table(
        "Verdicts", "", ("verdict", "questions"), tuple((f"{v}: {VERDICTS[v]}", str(n)) for v, n in s["verdicts"].items())
    )
    yield Table(
        "Retrieval",
        f"Over the passages shown with the answers of {s['retrieval']['n']} answerable questions; documents that answer alike count as one.",
        ("measure", "mean"),
        tuple((name, f"{value:.3f}") for name, value in s["retrieval"].items() if name != "n"),
    )
    lengths = {
        "sentences of an answer": s["length"]["sentences"],
        "characters of an answer, English": s["length"]["characters"]["en"],
        "characters of an answer, Chinese": s["length"]["characters"]["zh"],
        "latency, milliseconds": s["latency_ms"],
    }
    yield Table(
        "Length and latency",
        "",
        ("", "answers", "mean", "median", "95th percentile", "greatest"),
        tuple((n, str(v["n"]), *(f"{v[k]:.1f}" if v["n"] else "–" for k in ("mean", "p50", "p95", "max"))) for n, v in lengths.items()),
    )
    same = report["determinism"]
    if same:
        differing = ", ".join(same["differing"])
        note = "Two runs gave the same bytes." if same["same"] else f"Two runs gave different answers to: {differing}."
        yield Table("Determinism", f"{note} SHA-256 of all answers: {report['fingerprint']}.", (), ())


def _figures(s: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    c, a, r = s["citations"], s["abstention"], s["conflicts"]
    for name, value in (
        ("answer accuracy", s["answer_accuracy"]),
        ("first-sentence accuracy", s["first_sentence_accuracy"]),
        ("comparison accuracy", s["comparison_accuracy"]),
        ("temporal accuracy", s["temporal_accuracy"]),
        ("change accuracy", s["change_accuracy"]),
        ("list accuracy", s["list_accuracy"]),
        ("follow-up accuracy", s["followup_accuracy"]),
        ("cross-lingual accuracy", s["cross_lingual_accuracy"]),
        ("conflicts: both values shown", r["both_values"]),
        ("conflicts: reported as such", r["reported"]),
        ("conflicts reported on other questions", r["reported_elsewhere"]),
        ("citation validity, answers", c["validity"]),
        ("citation validity, quotes", c["quotes_exact"]),
        ("citation recall, sentences", c["recall"]),
        ("citation precision, citations", c["precision"]),
        ("answers citing an expected document", c["expected_document"]),
        ("answers with words outside cited sentences", c["own_words"]),
        ("abstention precision", a["precision"]),
        ("abstention recall", a["recall"]),
    ):
        yield (name, *_share_cells(value))
    f1 = a["f1"]
    yield ("abstention F1", f"{f1['value']:.3f}", "–" if f1["low"] is None else f"{f1['low']:.3f} to {f1['high']:.3f}", "")
    yield ("near misses withheld", *_share_cells(a["near_miss"]))
    yield ("other unanswerable questions withheld", *_share_cells(a["far"]))
    yield ("answerable questions refused", *_share_cells(a["answerable_refused"]))
    ece = s["calibration"]["ece"]
    yield ("expected calibration error", "–" if ece is None else f"{ece:.3f}", "", str(s["calibration"]["n"]))


def _cards(s: Mapping[str, Any]) -> list[tuple[str, str]]:
    latency = s["latency_ms"]
    return [
        ("right answers", _percent(s["answer_accuracy"])),
        ("valid citations", _percent(s["citations"]["validity"])),
        ("citation recall", _percent(s["citations"]["recall"])),
        ("citation precision", _percent(s["citations"]["precision"])),
        ("abstention F1", f"{s['abstention']['f1']['value']:.2f}"),
        ("median answer", f"{latency['p50']:.0f} ms" if latency["n"] else "–"),
    ]


def _group_table(title: str, groups: Mapping[str, Any]) -> Table:
    rows = tuple(
        (name, str(g["questions"]), *(_counted(g[key]) for key in ("right", "first_right", "refused", "withheld")))
        for name, g in groups.items()
    )
    note = "Right, right in the first sentence and refused count answerable questions; withheld counts unanswerable ones."
    return Table(title, note, ("", "questions", "right", "first sentence", "refused", "withheld"), rows)


def _comparison_tables(comparison: Mapping[str, Any]) -> Iterator[Table]:
    rows = tuple(
        (c["name"], f"{c['before']:.3f}", f"{c['after']:.3f}", str(c["n"]), f"{c['p']:.4f}", c["word"]) for c in comparison["changes"]
    )
    note = f"{comparison['paired']} questions compared one by one"
    if comparison["unpaired"]:
        note += f"; {comparison['unpaired']} left out, which the baseline lacks or words otherwise"
    yield Table("Against the baseline", f"{note}.", ("figure", "before", "after", "questions", "p", ""), rows)
    for word in ("better", "worse"):
        if comparison[word]:
            listed = "; ".join(f"{i} ({old} → {new})" for i, old, new in comparison[word])
            yield Table(f"Got {word} ({len(comparison[word])})", listed, (), ())


def _title(report: Mapping[str, Any]) -> str:
    part = f", one in {report['subset']}" if report["subset"] > 1 else ""
    model = report.get("llm")
    by = f", {model['answered']} answered by {model['name']} and {model['extractive']} without it" if model else ""
    return f"Evaluation on {report['set']}: {report['summary']['questions']} questions{part}{by}"


def _made(report: Mapping[str, Any]) -> str:
    index, machine = report["index"], report["machine"]
    return (
        f"china-ai-qa {report['version']}, {report['made']}; {index['documents']} documents, {index['passages']} passages, "
        f"model {index['model']}; Python {machine['python']} on {machine['system']}, {machine['processors']} processors."
    )


def _percent(value: Mapping[str, Any]) -> str:
    return "–" if value["share"] is None else f"{value['share']:.1%}"


def _counted(value: Mapping[str, Any]) -> str:
    return f"{value['count']}/{value['n']}" if value["n"] else "–"


def _share_cells(value: Mapping[str, Any]) -> tuple[str, str, str]:
    interval = "–" if value["low"] is None else f"{value['low']:.1%} to {value['high']:.1%}"
    return _percent(value), interval, _counted(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _html_table(table: Table) -> str:
    note = f"<p>{html.escape(table.note)}</p>" if table.note else ""
    if not table.rows:
        return f"<section><h2>{html.escape(table.title)}</h2>{note}</section>"
    head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in table.header)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>' + "".join(f"<td>{html.escape(c)}</td>" for c in row[1:]) + "</tr>" for row in table.rows
    )
    return (
        f"<section><h2>{html.escape(table.title)}</h2>{note}"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _html_outcome(outcome: Outcome) -> str:
    question, answer = outcome.question, outcome.answer
    verdict = outcome.verdict + ("" if outcome.valid else ", citation not valid")
    facts = {
        "history": " / ".join(question.history),
        "answer": answer.text,
        "missing": "; ".join(answer.missing),
        "expected patterns": "  and  ".join(question.expect),
        "expected documents": ", ".join(question.documents),
        "cited documents": ", ".join(dict.fromkeys(c.document_id for c in answer.citations)),
        "confidence": f"{answer.confidence:.2f}",
    }
    rows = "".join(f"<dt>{n}</dt><dd>{html.escape(v)}</dd>" for n, v in facts.items() if v)
    return (
        f"<details><summary><code>{html.escape(question.id)}</code> <i>{question.kind}, {verdict}</i> "
        f"{html.escape(question.question)}</summary><dl>{rows}</dl></details>"
    )
