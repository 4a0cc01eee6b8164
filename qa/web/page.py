"""The Gradio page: what stands where, and which event calls which handler."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from qa.web.engine import AT_ONCE
from qa.web.handlers import Action, Handlers, actions, owner_of
from qa.web.views import View

STATIC = Path(__file__).parent / "static"
HEAD = """
<meta name="description" content="Questions about China's AI progress, answered in quotes with their sources">
<link rel="icon" href="page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page/base.css">
<link rel="stylesheet" href="page/ask.css">
<link rel="stylesheet" href="page/data.css">
<link rel="stylesheet" href="page/library.css">
<link rel="stylesheet" href="page/brief.css">
<script src="page/theme.js"></script>
<script type="module" src="page/main.js"></script>
"""


@dataclass(frozen=True)
class Page:
    """The page and the parts that have events."""

    blocks: gr.Blocks
    ask: gr.HTML


def layout(functions: Sequence[Action]) -> Page:
    """Put the parts in order.

    Each part is a fixed template that the scripts in ``static/`` fill. Text never goes into a
    template: Gradio's templates are JavaScript template strings in the end, where even text
    escaped by ``{{ }}`` runs as code if it holds ``${...}``. It travels as data, and the scripts
    set it with ``textContent``.
    """
    with gr.Blocks(title="China’s AI, cited", fill_width=True, analytics_enabled=False) as blocks:
        _part("masthead")
        ask = _part("ask", functions)
        _part("explore")
        _part("library")
        _part("reader")
    return Page(blocks, ask)


def _part(name: str, functions: Sequence[Action] = ()) -> gr.HTML:
    return gr.HTML(
        {},
        html_template=(STATIC / f"{name}.html").read_text(encoding="utf-8"),
        js_on_load=(STATIC / "connect.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        server_functions=list(functions),
        elem_id=f"part-{name}",
    )


def wire(page: Page, handlers: Handlers) -> None:
    """Connect the events: asking streams turns into the Ask part, stopping cancels that."""

    async def ask(event: gr.EventData, request: gr.Request) -> AsyncIterator[View]:
        # ``n`` makes each value differ from the last, which is how the page notices it.
        async for step in handlers.ask(event._data or {}, owner_of(request)):
            yield {**step, "n": secrets.token_hex(4)}

    with page.blocks:
        asking = page.ask.submit(
            ask,
            outputs=page.ask,
            show_progress="hidden",
            trigger_mode="multiple",
            concurrency_limit=None,  # the engine's slots decide, so that waiting can be told kindly
            api_visibility="private",
        )
        page.ask.stop(None, cancels=[asking], api_visibility="private")


def build(handlers: Handlers) -> gr.Blocks:
    """Return the page, ready to be mounted."""
    page = layout(actions(handlers))
    wire(page, handlers)
    page.blocks.queue(default_concurrency_limit=AT_ONCE, max_size=None)
    return page.blocks
