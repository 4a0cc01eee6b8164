"""One server for the session, with a scripted assistant: the page is tested, not the quality of answers."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
from web.scripted import ScriptedAssistant

from qa.settings import Settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_ARGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="session")
def settings():
    return Settings()


@pytest.fixture(scope="session")
def opener():
    """Make the scripted assistant after a while, as loading a model takes time."""

    def open_assistant(*, settings, progress):
        progress(1, 4)
        time.sleep(0.4)
        return ScriptedAssistant(settings)

    return open_assistant


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def start_server(settings, opener):
    """Return a function that starts a server on a data folder and returns (address, stop).

    Settings and assistant are the scripted ones unless ``own`` and ``opener`` are given; further arguments change single settings.
    """
    import uvicorn

    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from qa.web.app import create_app
    from qa.web.engine import Engine

    running = []

    def start(data, *, own=settings, opener=opener, **other):
        own = own.model_copy(update=other)
        old = os.environ.get("QA_DATA")
        os.environ["QA_DATA"] = str(data)
        app = create_app(own, Engine(own, opener))
        if old is None:
            del os.environ["QA_DATA"]
        else:
            os.environ["QA_DATA"] = old
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)

        def stop():
            server.should_exit = True
            thread.join(timeout=10)

        running.append(stop)
        return f"http://127.0.0.1:{port}", stop

    yield start
    for stop in running:
        stop()


@pytest.fixture(scope="session")
def address(start_server, tmp_path_factory):
    return start_server(tmp_path_factory.mktemp("data"))[0]


@pytest.fixture(scope="module")  # not for the session: while Playwright runs, asyncio.run fails in every other test
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium found: install chromium to run the browser tests")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens the page in a fresh context; at the end nothing may have gone wrong in it."""
    contexts = []
    trouble = []

    def open_page(path="/", *, at=None, width=1280, height=860, wait=True, started=True, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "request", lambda r: trouble.append(r.url) if not r.url.startswith(("http://127.0.0.1:", "data:", "blob:")) else None
        )
        page.goto((at or address) + path)
        if started:
            page.wait_for_selector("html[data-qa=started]", state="attached")
        if started and wait:
            page.wait_for_function("document.querySelector('#q-status').textContent === ''")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.fixture
def serious():
    """Return a function that runs axe-core in a page and returns the elements of what it calls serious or critical, by rule."""
    axe = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
    if not axe.is_file():
        pytest.skip("axe-core is not installed: npm install axe-core")
    source = axe.read_text(encoding="utf-8")

    def run(page):
        page.evaluate(source)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return {v["id"]: [n["html"][:120] for n in v["nodes"]] for v in found if v["impact"] in ("serious", "critical")}

    return run
