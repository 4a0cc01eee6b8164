"""The report's plots as PNG files' bytes, drawn by Matplotlib without a display."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# Two hues that stay apart for colour-blind readers and in grey (Okabe and Ito, 2008), and a quiet line.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#8A8F98"
DPI = 160


def draw(summary: Mapping[str, Any], milliseconds: Sequence[float]) -> dict[str, bytes]:
    """Draw every plot.

    Args:
        summary: what ``run.summarise`` returned.
        milliseconds: how long each answer took.

    Returns:
        PNG bytes by file name: accuracy, reliability, risk_coverage, latency.
    """
    return {
        "accuracy.png": accuracy(summary["by_kind_and_language"]),
        "reliability.png": reliability(summary["calibration"]),
        "risk_coverage.png": risk_coverage(summary["risk_coverage"], summary["answer_accuracy"]["n"] / max(1, summary["questions"])),
        "latency.png": latency(milliseconds, summary["latency_ms"]),
    }


def accuracy(groups: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Draw the share right of each kind and language; for unanswerable questions the share withheld."""
    figure, axes = _figure(7.2, 1.1 + 0.48 * len(groups))
    names = list(groups)
    for offset, language, colour in ((-0.19, "en", BLUE), (0.19, "zh", ORANGE)):
        shown = [(row, groups[kind][language]["withheld" if kind == "unanswerable" else "right"]) for row, kind in enumerate(names)]
        filled = [(row, s) for row, s in shown if s["n"]]
        rows = [row + offset for row, _ in filled]
        shares = [s["share"] for _, s in filled]
        error = [[max(0.0, s["share"] - s["low"]) for _, s in filled], [max(0.0, s["high"] - s["share"]) for _, s in filled]]
        axes.barh(rows, shares, height=0.36, color=colour, label={"en": "English", "zh": "Chinese"}[language])
        axes.errorbar(shares, rows, xerr=error, fmt="none", ecolor="#30343A", elinewidth=0.8, capsize=2)
        for row, (_, s) in zip(rows, filled, strict=True):
            axes.text(1.02, row, f"{s['count']}/{s['n']}", va="center", fontsize=7, color="#30343A", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(names)), [f"{n} (withheld)" if n == "unanswerable" else n for n in names])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title("Right answers by kind and language, with 95% intervals", loc="left", fontsize=11)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.35 / (0.4 + 0.48 * len(groups))), ncols=2, frameon=False)
    return _png(figure)


def reliability(calibration: Mapping[str, Any]) -> bytes:
    """Draw how often answers of a confidence are right; the diagonal is perfect calibration."""
    figure, axes = _figure(4.8, 4.4)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    points = calibration["points"]
    if points:
        mean, rate, n = zip(*points, strict=True)
        axes.plot(mean, rate, color=BLUE, linewidth=1.2)
        axes.scatter(mean, rate, s=[20 + 240 * x / sum(n) for x in n], color=BLUE, zorder=3)
        for x, y, count in points:
            axes.annotate(str(count), (x, y), xytext=(0, -14), textcoords="offset points", ha="center", fontsize=7, color="#30343A")
    ece = calibration["ece"]
    axes.set(xlim=(0, 1), ylim=(0, 1.03), xlabel="confidence", ylabel="share right")
    axes.set_title("Reliability" + ("" if ece is None else f" (expected calibration error {ece:.3f})"), loc="left", fontsize=11)
    return _png(figure)


def risk_coverage(points: Sequence[Sequence[float]], answerable: float) -> bytes:
    """Draw the share of wrong answers as less and less confident ones are given."""
    figure, axes = _figure(4.8, 4.4)
    if points:
        coverage, risk = zip(*points, strict=True)
        axes.step(coverage, risk, where="post", color=BLUE, linewidth=1.5)
        axes.scatter([coverage[-1]], [risk[-1]], color=BLUE, s=30, zorder=3, label="as shipped")
    axes.axvline(answerable, color=GREY, linewidth=1, linestyle="--", label="answerable questions")
    top = max([0.1, *(p[1] for p in points)])
    axes.set(xlim=(0, 1), ylim=(0, min(1.0, top * 1.15)), xlabel="coverage: share of all questions answered", ylabel="risk: share of these wrong")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title("Risk and coverage", loc="left", fontsize=11)
    axes.legend(frameon=False, loc="upper left")
    return _png(figure)


def latency(milliseconds: Sequence[float], figures: Mapping[str, Any]) -> bytes:
    """Draw how long answers took."""
    figure, axes = _figure(7.2, 3.2)
    axes.hist(milliseconds, bins=min(40, max(5, len(milliseconds) // 4)), color=BLUE)
    for name, style in (("p50", "-"), ("p95", "--")):
        axes.axvline(figures[name], color=ORANGE, linewidth=1.5, linestyle=style, label=f"{name}: {figures[name]:.0f} ms")
    axes.set(xlabel="milliseconds for one answer, model loaded", ylabel="questions")
    axes.set_xlim(left=0)
    axes.set_title("Latency", loc="left", fontsize=11)
    axes.legend(frameon=False)
    return _png(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")  # no pyplot: no global state, no display
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
