"""The Library view in a real browser: adding, what became of each file, removing, and who may."""

from __future__ import annotations

import pytest
from web.scripted import ask

from qa.web.accounts import write_user

pytestmark = pytest.mark.browser

REPORT = b"Compute report\nIn July 2026 the cluster had 4,200 cards.\nIn August 2026 the cluster had 4,800 cards.\n"
HOSTILE_NAME = "<img src=x onerror=window.hacked=1> ${window.hacked=2} {{7*7}}.txt"


@pytest.fixture(scope="module")
def library(start_server, tmp_path_factory):
    """A server of its own, so that the other tests find the library empty."""
    return start_server(tmp_path_factory.mktemp("data"))[0]


def files(*pairs):
    return [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in pairs]


def add(page, *pairs):
    """Choose files and return the words of each result."""
    before = page.locator(".q-batch").count()
    page.set_input_files("#q-files", files(*pairs))
    page.wait_for_function(f"document.querySelectorAll('.q-batch:not([aria-busy])').length > {before}")
    return page.locator(".q-batch").first.locator(".q-result-words").all_text_contents()


def open_library(open_page, at, **options):
    page = open_page("/?view=library", at=at, **options)
    page.wait_for_selector("#q-rows tr")
    return page


def test_files_are_added_listed_and_removed(open_page, library):
    page = open_library(open_page, library)
    assert "Nothing yet" in page.locator(".q-own-none").text_content()
    words = add(page, ("a.txt", b"First note."), ("b.txt", b"First note."), ("c.exe", b"MZ"), ("scan.pdf", b"unreadable"))
    assert words[0].startswith("Added, 1 passages")
    assert words[1].startswith("Already there as \u201cFirst note.\u201d")
    assert words[2].startswith("This format cannot be read")
    assert words[3] == "Holds no text; add a file that does"
    assert page.locator(".q-batch [role=status]").text_content() == "2 of 4 are in the library"
    assert add(page, ("a.txt", b"First note."))[0].startswith("Unchanged")
    assert add(page, ("a.txt", b"Second note."))[0].startswith("New version")
    row = page.locator("#q-own-rows tr")
    page.wait_for_function("document.querySelector('#q-own-rows .q-title-link')?.textContent === 'Second note.'")
    assert row.count() == 1
    assert row.locator(".is-size").text_content() == "1 kB"
    row.get_by_role("button", name="Remove Second note.").click()
    page.keyboard.press("Escape")
    row.get_by_role("button", name="Remove Second note.").click()
    row.get_by_role("button", name="Remove", exact=True).click()
    page.wait_for_selector(".q-own-none")
    assert page.locator("#q-own-said").text_content() == "Second note. was removed."


def test_files_can_be_dropped_and_addresses_added(open_page, library):
    page = open_library(open_page, library)
    page.fill("#q-collection", "my papers")
    page.press("#q-collection", "Tab")
    assert page.input_value("#q-collection") == "my-papers"
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["Dropped text."], "dropped.txt"));
        document.querySelector("#q-rows").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }""")
    page.wait_for_selector("#q-own-rows tr")
    page.fill("#q-address", "not an address")
    page.press("#q-address", "Enter")
    assert "begins with http" in page.locator(".q-batch").first.text_content()
    page.fill("#q-address", "https://a.example/page")
    page.press("#q-address", "Enter")
    page.wait_for_function("document.querySelectorAll('#q-own-rows tr').length === 2")
    assert set(page.locator("#q-own-rows .is-collection").all_text_contents()) == {"my-papers"}
    page.click("#q-nav [data-view=ask]")
    page.click("#q-scope-open")
    page.locator("#q-scope").get_by_text("my-papers").click()
    turn = ask(page, "How many users?")
    assert page.locator("#q-chips li").text_content().startswith("my-papers")
    assert "collection=my-papers" in page.url
    assert turn.locator(".q-answer").count() == 1


def test_a_citation_into_a_pdf_names_file_and_page_and_shows_both(open_page, start_server, tmp_path):
    page = open_library(open_page, start_server(tmp_path)[0])
    add(page, ("compute.pdf", REPORT))
    page.click("#q-nav [data-view=ask]")
    ask(page, "my own file")
    assert page.locator(".q-origin").text_content() == "compute.pdfPage 3 · Library"
    page.locator(".q-card footer .q-quiet").click()
    page.wait_for_selector("dialog[open] mark")
    assert "4,800 cards" in page.locator("dialog mark").text_content()
    page.get_by_role("button", name="Page 3").click()
    page.wait_for_function("document.querySelector('dialog img')?.naturalWidth > 100")
    page.get_by_role("button", name="Page before").click()
    assert page.locator("dialog img").get_attribute("alt") == "Page 2 of Compute report as a picture"
    page.get_by_role("button", name="Text").click()
    assert page.locator("dialog mark").is_visible()
    page.keyboard.press("Escape")
    page.click("#q-nav [data-view=library]")
    add(page, ("compute.pdf", b"Another text altogether.\n"))
    page.click("#q-nav [data-view=ask]")
    page.locator(".q-card footer .q-quiet").click()
    page.wait_for_selector("dialog[open] .q-reader-note")
    assert page.locator("dialog mark").count() == 0


def test_hostile_names_and_texts_are_text(open_page, library):
    page = open_library(open_page, library)
    text = "<script>window.hacked=4</script> ${window.hacked=5} {{window.hacked=6}} says it."
    assert add(page, (HOSTILE_NAME, text.encode()))[0].startswith("Added")
    assert page.locator(".q-result-name").text_content() == HOSTILE_NAME
    page.locator("#q-own-rows .q-title-link", has_text="window.hacked=5").click()
    page.wait_for_selector("dialog[open] p")
    assert text in page.locator("dialog .q-reader-body").text_content()
    assert page.locator("dialog .q-file").text_content() == HOSTILE_NAME
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_selector("#q-own-rows tr")
    assert page.evaluate("window.hacked") is None
    assert page.locator(".q-view img, .q-view script, .q-reader script").count() == 0


def test_a_file_too_large_is_not_even_sent(open_page, start_server, tmp_path):
    page = open_library(open_page, start_server(tmp_path, max_file_mb=1, max_files=2)[0], locale="zh-CN")
    words = add(page, ("large.txt", b"a" * 1_100_000))
    assert words == ["文件大小为1.1 MB，上限为1 MB。"]
    page.set_input_files("#q-files", files(*[(f"{n}.txt", b"Note %d." % n) for n in range(5)]))
    page.wait_for_function("document.querySelectorAll('#q-own-rows tr').length === 5")
    assert page.locator(".q-batch").count() == 4


def test_read_only_shows_documents_but_nothing_to_change_them(open_page, start_server, tmp_path):
    page = open_library(open_page, start_server(tmp_path, read_only=True)[0])
    assert page.locator("#q-own input, #q-own button, #q-drop").count() == 0


def test_log_in_and_out_in_the_browser(open_page, browser, start_server, tmp_path):
    write_user(tmp_path / "users", "anna", "correct horse battery")
    at, _ = start_server(tmp_path, auth=tmp_path / "users")
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(at + "/?view=library")
    assert page.locator("button").inner_text() == "登录"
    for password in ("wrong", "correct horse battery"):
        page.fill("[name=name]", "anna")
        page.fill("[name=password]", password)
        page.keyboard.press("Enter")
        if password == "wrong":
            page.wait_for_selector(".is-wrong")
    page.wait_for_selector("#q-rows tr")
    assert page.locator("#q-user").text_content() == "anna"
    assert add(page, ("note.txt", b"A note."))[0].startswith("已添加")
    page.click("#q-account button")
    page.wait_for_selector("[name=password]")
    page.go_back()
    page.wait_for_selector("[name=password]")
    context.close()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_no_serious_problem_with_documents(open_page, start_server, serious, tmp_path, theme, width):
    write_user(tmp_path / "users", "anna", "correct horse battery")
    page = open_library(open_page, start_server(tmp_path)[0], color_scheme=theme, width=width)
    add(page, ("compute.pdf", REPORT), ("scan.pdf", b"unreadable"), ("note.txt", b"A note."))
    page.locator("#q-own-rows .is-action button").first.click()
    page.check("#q-own-rows input >> nth=0")
    assert serious(page) == {}, "library"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator(".q-title-link", has_text="Compute").click()
    page.get_by_role("button", name="Page 1").click()
    assert serious(page) == {}, "page of a PDF"
    closed = start_server(tmp_path, auth=tmp_path / "users")[0]
    page = open_page("/", at=closed, started=False, color_scheme=theme, width=width)
    assert serious(page) == {}, "log-in"
