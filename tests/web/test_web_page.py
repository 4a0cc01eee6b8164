"""The page in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from web.scripted import LONG_WORD, SLOW_S, ask

pytestmark = pytest.mark.browser
QUESTION = "How did the number of users develop?"


def test_answer_has_marks_and_cards(open_page):
    page = open_page()
    turn = ask(page, QUESTION)
    assert turn.locator(".q-answer p").count() == 3
    assert turn.locator(".q-figure").first.text_content() == "249 million"
    assert page.locator(".q-card").count() == 3
    link = page.locator(".q-card .q-sources a").first
    assert link.get_attribute("target") == "_blank"
    assert "noopener" in link.get_attribute("rel")
    assert "249 million users" in page.locator(".q-card mark").first.text_content()
    assert turn.locator(".q-chart svg circle").count() == 3


def test_citation_and_card_lead_to_each_other(open_page):
    page = open_page("/?__theme=light")
    ask(page, QUESTION)
    address = page.url
    page.hover(".q-cite[data-n='2']")
    assert "515 million" in page.locator("#q-tip").text_content()
    page.click(".q-cite[data-n='2']")
    card = page.locator(".q-card.is-active")
    assert card.get_attribute("data-n") == "2"
    assert "515 million" in card.locator("mark").text_content()
    assert page.evaluate("document.activeElement.dataset.n") == "2"
    page.wait_for_function(
        "document.querySelector('.q-card.is-active mark').getBoundingClientRect().top >= 0 && "
        "document.querySelector('.q-card.is-active mark').getBoundingClientRect().bottom <= innerHeight + 1"
    )
    card.locator("[data-back]").click()
    assert page.evaluate("document.activeElement.className.includes('q-cite')")
    assert page.url == address


def test_reader_shows_the_quote_in_its_document(open_page):
    page = open_page()
    ask(page, QUESTION)
    page.locator(".q-card footer .q-quiet").nth(1).click()
    page.wait_for_selector("dialog[open] mark")
    assert "515 million" in page.locator("dialog mark").text_content()
    page.locator("dialog .q-footnote").first.click()
    assert page.evaluate("document.activeElement.id") == "q-source-1"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_abstention_conflict_and_follow_up(open_page):
    page = open_page()
    turn = ask(page, "Who won the World Cup?")
    assert turn.locator(".is-abstained .q-chip").text_content() == "World Cup"
    assert turn.locator(".q-nearest li").count() == 3
    turn = ask(page, "Do sources disagree?")
    assert turn.locator(".is-conflict .q-value").count() == 2
    assert turn.locator(".is-conflict .q-badge").all_text_contents() == ["newer"]
    turn = ask(page, "How did it change?")
    assert "the number of users" in turn.locator(".q-understood").text_content()


def test_comparison_and_older_figures(open_page):
    page = open_page()
    turn = ask(page, "Compare 2024 and 2025")
    assert turn.locator(".is-comparison tbody tr").all_text_contents() == ["2024249 millionDec 20241", "2025602 millionDec 20253"]
    assert turn.locator(".q-computed").text_content() == "Computed from 1 and 3: a difference of 353 million (2.4 times)."
    turn.locator(".q-answer .q-badge .q-cite").click()
    assert page.locator(".q-card.is-active").get_attribute("data-n") == "3"
    turn.locator(".is-comparison tbody .q-cite").first.click()
    assert page.locator(".q-card.is-active").get_attribute("data-n") == "1"


def drawn(page, view):
    """Go to a view and wait until it is there."""
    page.click(f"#q-nav [data-view={view}]")
    page.wait_for_selector({"ask": "#q-view-ask.is-current", "explore": ".q-timeline > li", "library": "#q-rows tr"}[view])


def test_nothing_overflows(open_page):
    page = open_page(height=900)
    ask(page, "Show the hostile text")
    ask(page, LONG_WORD * 3)
    ask(page, "مرحبا بالعالم " * 8 + "🤖🚀" * 60)
    for view in ("ask", "explore", "library"):
        drawn(page, view)
        for width in (390, 768, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (view, width)
            assert page.locator("#q-nav [data-view=library]").is_visible()


def test_hostile_text_is_text(open_page):
    page = open_page()
    turn = ask(page, "<img src=x onerror='window.hacked=1'> hostile ${window.hacked=2} {{7*7}}")
    assert "<img" in turn.locator(".q-question").text_content()
    assert "${window.hacked=6}" in turn.locator(".q-answer").text_content()
    page.locator(".q-card footer .q-quiet").first.click()
    page.wait_for_selector("dialog[open] mark")
    assert "<script>" in page.locator("dialog h3").first.text_content()
    page.keyboard.press("Escape")
    page.click("#q-nav [data-view=library]")
    page.wait_for_selector("#q-rows tr")
    page.click("#q-nav [data-view=explore]")
    page.wait_for_selector(".q-timeline li")
    page.reload()
    page.wait_for_selector("html[data-qa=started]", state="attached")
    assert page.evaluate("window.hacked") is None
    assert page.locator(".q-view img, .q-view iframe, .q-reader img, .q-view script").count() == 0


def test_language_follows_the_browser_and_the_switch(open_page):
    page = open_page(locale="zh-CN")
    assert page.locator("h1").text_content() == "中国人工智能，句句有据"
    turn = ask(page, "深度求索是谁创立的？")
    assert "梁文锋" in turn.locator(".q-answer").text_content()
    page.click("#q-language")
    assert page.locator("#q-send").text_content() == "Ask"
    assert page.get_attribute("html", "lang") == "en"
    page.reload()
    page.wait_for_selector("html[data-qa=started]", state="attached")
    assert page.get_attribute("html", "lang") == "en"


def test_theme_switch(open_page):
    page = open_page(color_scheme="dark")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.click("#q-theme")
    assert page.get_attribute("html", "data-theme") == "light"


def test_deep_link_restores_question_answer_and_scope(open_page):
    page = open_page("/?q=How+many+users%3F&topic=market&lang=en")
    page.wait_for_selector(".q-turn .q-answer")
    assert page.locator(".q-question").text_content() == "How many users?"
    assert page.locator("#q-chips li").count() == 2
    page.locator("#q-chips button").first.click()
    assert page.locator("#q-chips li").count() == 1


def test_conversations_are_kept_renamed_and_deleted(open_page, start_server, tmp_path):
    address, stop = start_server(tmp_path)
    page = open_page(at=address)
    ask(page, "How many users?")
    page.click(".q-row-tools button:first-child")
    page.fill(".q-rename input", "My title")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.q-conversation')?.textContent === 'My title'")
    state = page.context.storage_state()
    page.context.close()  # an open page would keep the server waiting
    stop()
    again, _ = start_server(tmp_path)
    port = again.rsplit(":", 1)[1]
    assert port
    page = open_page(at=again, storage_state=state)
    page.wait_for_function("document.querySelector('.q-conversation')?.textContent === 'My title'")
    page.click(".q-conversation")
    page.wait_for_selector(".q-answer")
    page.locator(".q-row-tools button").nth(1).click()
    page.locator(".q-row-tools button").first.click()
    page.wait_for_function("!document.querySelector('.q-conversation')")
    stranger = open_page(at=again)
    assert stranger.locator(".q-conversation").count() == 0


def test_keyboard_alone(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert "q-skip" in page.evaluate("document.activeElement.className")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "q-question"
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_selector(".q-answer .q-cite")
    page.wait_for_selector(".q-turn .q-tools")
    page.focus(".q-cite[data-n='3']")
    assert page.locator("#q-tip").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id").endswith("-3")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.n") == "3"


def test_retry_edit_stop_and_failure(open_page):
    page = open_page()
    ask(page, "How many users?")
    page.get_by_role("button", name="Edit").click()
    assert page.input_value("#q-question") == "How many users?"
    page.fill("#q-question", "Tell me of users")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.q-turn:not([aria-busy]) .q-question')?.textContent === 'Tell me of users'")
    assert page.locator(".q-turn").count() == 1
    page.fill("#q-question", "a slow one")
    page.keyboard.press("Enter")
    page.click("#q-stop")
    assert page.locator(".q-problem").text_content() == "Stopped."
    page.wait_for_timeout(SLOW_S * 1000 + 300)
    page.reload()
    page.wait_for_selector(".q-answer")
    assert page.locator(".q-turn").count() == 1
    page.fill("#q-question", "please crash")
    page.keyboard.press("Enter")
    page.wait_for_selector(".q-problem")
    assert "unexpected" in page.locator(".q-problem").text_content()


def test_thumb_copy_and_export(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, "How many users?")
    page.get_by_role("button", name="Copy with references").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert "https://news.example/users" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Bad answer").click()
    page.fill(".q-feedback input", "because")
    page.locator(".q-feedback [type=submit]").click()
    page.wait_for_selector(".q-feedback [role=status]")
    page.reload()
    page.wait_for_selector(".is-thumb[aria-pressed=true]")
    for form, text in (("Markdown", "## How many users?"), ("JSON", '"standalone"'), ("BibTeX", "@online{")):
        with page.expect_download() as download:
            page.get_by_role("button", name=form).click()
        assert text in Path(download.value.path()).read_text(encoding="utf-8")


def test_explore_and_library(open_page):
    page = open_page("/?view=explore")
    page.wait_for_selector(".q-plot svg path")
    page.get_by_text("Values as a table").first.click()
    assert page.locator(".q-plot tbody tr").first.text_content() == "20231"
    page.check("text=Market shares")
    page.wait_for_selector(".q-bars li")
    page.fill("#q-line-name", "CNNIC")
    page.press("#q-line-name", "Tab")
    page.wait_for_function("document.querySelectorAll('.q-timeline > li').length === 2")
    page.click(".q-plot .q-quiet.is-accent >> nth=0")
    assert page.input_value("#q-question") == "How did private money develop?"
    page.click("#q-nav [data-view=library]")
    page.fill("#q-library-search", "generative")
    assert page.locator("#q-rows tr").count() == 1
    page.check("#q-rows input")
    page.click("#q-ask-chosen")
    assert page.locator("#q-chips li").text_content().startswith("Users of generative AI")


def test_page_is_up_and_takes_questions_while_loading(open_page, start_server, tmp_path):
    address, _ = start_server(tmp_path)
    page = open_page(at=address, wait=False)
    ask(page, "How many users?")
    assert page.locator(".q-answer").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_problem(open_page, serious, theme):
    page = open_page(color_scheme=theme)
    ask(page, QUESTION)
    ask(page, "Who won the World Cup?")
    ask(page, "Do sources disagree?")
    ask(page, "Compare 2024 and 2025")
    page.click("#q-scope-open")
    page.get_by_role("button", name="Bad answer").last.click()
    for view in ("ask", "explore", "library"):
        drawn(page, view)
        assert serious(page) == {}, view
    page.click("#q-rows button")
    page.wait_for_selector("dialog[open] h3")
    assert serious(page) == {}, "reader"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshots_on_request(open_page, theme):
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        pytest.skip("set SCREENSHOTS to a folder to have pictures of every state written there")
    for width in (390, 768, 1280, 1920):
        page = open_page(width=width, color_scheme=theme)

        def shoot(state, page=page, width=width):
            page.wait_for_timeout(400)
            page.screenshot(path=Path(folder) / f"{state}-{width}-{theme}.png")

        shoot("start")
        for state, question in (
            ("change", QUESTION),
            ("abstained", "Who won the World Cup?"),
            ("conflict", "Do sources disagree?"),
            ("comparison", "Compare 2024 and 2025"),
            ("chinese", "深度求索是谁创立的？"),
            ("hostile", "Show the hostile text"),
        ):
            ask(page, question)
            shoot(state)
        page.locator(".q-card footer .q-quiet").first.click()
        shoot("reader")
        page.keyboard.press("Escape")
        for view in ("explore", "library"):
            page.click(f"#q-nav [data-view={view}]")
            shoot(view)
