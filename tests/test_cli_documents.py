"""Commands that add, remove and list the user's own documents."""

import json

import pytest
from commands import failed
from samples import DOCUMENTS

import qa

pytestmark = pytest.mark.usefixtures("hash_model")

NOTE = "# The Zanzibar project\n\nThe Zanzibar project of Acme started on 3 May 2024 with 17 engineers.\n"
OTHER = "The lighthouse of Port Ellery is 41 metres high.\n"
QUESTION = "When did the Zanzibar project start?"


@pytest.fixture
def papers(tmp_path, monkeypatch):
    """A folder with two documents, and a library of the test's own."""
    monkeypatch.setenv("QA_LIBRARY", str(tmp_path / "library"))
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "note.md").write_text(NOTE)
    (folder / "other.md").write_text(OTHER)
    return folder


def added_id(run, path, *options):
    return json.loads(run("add", path, "--json", *options)[1])[0]["document_id"]


@pytest.mark.parametrize("command", ["add", "remove", "sync"])
def test_each_command_has_help_with_an_example(run, command):
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert f"Example: qa {command}" in out
    assert "--library" in out


def test_add_says_what_became_of_each_file(run, papers):
    code, out, err = run("add", papers / "note.md", papers / "other.md")
    assert code == 0
    assert out.splitlines()[0].startswith("added: note.md as library/note-")
    assert out.splitlines()[0].endswith(", 1 passage")
    assert "Building the index: 2 to do" in err or err == ""
    assert run("add", papers / "note.md")[1].startswith("unchanged: note.md as library/note-")
    (papers / "copy.md").write_text(NOTE)
    assert run("add", papers / "copy.md")[1].startswith("duplicate: copy.md: duplicate of library/note-")
    (papers / "note.md").write_text(NOTE.replace("3 May", "9 July"))
    code, out, _ = run("add", papers / "note.md", "--date", "2024-07-10", "--title", "Zanzibar")
    assert code == 0
    assert out.startswith("updated: note.md as library/note-")
    assert "replaces the version of" in out
    answer = qa.Answer.model_validate_json(run("ask", QUESTION, "--json")[1])
    assert "9 July 2024" in answer.text
    assert answer.citations[0].title == "Zanzibar"


def test_refused_files_give_code_1_and_the_others_are_added(run, papers):
    result = run("add", papers / "none.md", papers / "note.md")
    failed((result[0], result[1], result[2].splitlines()[-1]), "1 of 2 could not be read")
    assert "added: note.md" in result[1]
    assert "none.md: does not exist" in result[1]
    code, out, _ = run("add", papers / "none.md", "--json")
    assert code == 1
    assert json.loads(out)[0]["status"] == "refused"


def test_ask_search_and_documents_know_collections(run, papers):
    run("add", papers / "note.md", "--collection", "mine", "--date", "2024-05-04")
    assert "3 May 2024" in run("ask", QUESTION, "--collection", "mine")[1]
    assert "3 May 2024" not in run("ask", QUESTION, "--collection", "corpus")[1]
    assert {h["document_id"].split("/")[0] for h in json.loads(run("search", "Zanzibar", "--collection", "mine", "--json")[1])} == {"mine"}
    listed = json.loads(run("documents", "--json")[1])
    assert len(listed) == len(DOCUMENTS) + 1
    own = listed[-1]
    assert (own["collection"], own["origin"]["name"], own["as_of"]) == ("mine", "note.md", "2024-05-04")
    assert {d["collection"] for d in listed[:-1]} == {"corpus"}
    code, out, _ = run("documents", "--collection", "mine")
    assert (code, len(out.splitlines())) == (0, 1)
    for command in (["ask", QUESTION], ["search", "x"], ["documents"]):
        failed(run(*command, "--collection", "nobody"), "no collection has the name 'nobody'; there are: corpus, mine")


def test_remove_asks_for_a_yes(run, papers):
    document = added_id(run, papers / "note.md")
    failed(run("remove", document), "add --yes")
    failed(run("remove", document, "library/none-12345678", "--yes"), "'library/none-12345678'", "qa documents")
    failed(run("remove", "qwq-32b", "--yes"), "no document of your own has the id 'qwq-32b'")
    assert run("remove", document, "--yes") == (0, f"removed: {document}\n", "")
    assert len(json.loads(run("documents", "--json")[1])) == len(DOCUMENTS)


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 130, 1), ("y\n", 0, 0)])
def test_remove_does_what_is_answered(run, papers, monkeypatch, typed, code, left):
    document = added_id(run, papers / "note.md")
    monkeypatch.setattr("qa.cli.documents._asked_in_a_terminal", lambda: True)
    result = run("remove", document, stdin=typed.encode())
    assert result[0] == code
    assert "Remove note.md, with the stored copies?" in result[2]
    assert len(json.loads(run("documents", "--json")[1])) == len(DOCUMENTS) + left


def test_sync_says_what_it_did(run, papers):
    code, out, _ = run("sync", papers, "--collection", "papers")
    assert code == 0
    assert out.splitlines()[-1] == f"2 added, 0 updated, 0 removed, 0 unchanged, 0 duplicates, 0 refused in {papers}"
    (papers / "note.md").unlink()
    (papers / "other.md").write_text(OTHER.replace("41", "42"))
    (papers / "bad.pdf").write_bytes(b"%PDF-1.4 and nothing else")
    code, out, err = run("sync", papers, "--collection", "papers")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("updated: papers/other.md as papers/other-")
    assert lines[1].startswith("refused: ")
    assert lines[2].startswith("removed: papers/note-")
    assert lines[3] == f"0 added, 1 updated, 1 removed, 0 unchanged, 0 duplicates, 1 refused in {papers}"
    assert err.splitlines()[-1].startswith("qa: 1 of 2 could not be read")
    result = json.loads(run("sync", papers, "--collection", "papers", "--json")[1])
    assert (len(result["unchanged"]), result["removed"]) == (1, [])
    failed(run("sync", papers / "other.md"), "is no folder, and nothing was removed")


@pytest.mark.parametrize(
    ("arguments", "parts", "code"),
    [
        (["add"], ["Missing argument"], 2),
        (["add", "x.md", "--date", "2025-03"], ["--date", "'2025-03' is not a date like 2025-03-31"], 2),
        (["add", "x.md", "--date", "2025-02-31"], ["not a date"], 1),
        (["add", "x.md", "--language", "fr"], ["--language"], 2),
        (["add", "x.md", "--collection", "corpus"], ["choose another name"], 1),
        (["add", "x.md", "--collection", "../up"], ["no name for a collection"], 1),
        (["remove"], ["Missing argument"], 2),
        (["sync", "nowhere"], ["nowhere is no folder"], 1),
    ],
)
def test_wrong_use_is_one_line(run, papers, arguments, parts, code):
    failed(run(*arguments), *parts, code=code)


def test_index_build_and_gc_look_after_the_library_too(run, papers, tmp_path):
    run("add", papers)
    index = tmp_path / "library" / "index"
    before = (index / "CURRENT").read_text()
    assert run("index", "build", "--force")[0] == 0
    assert (index / "CURRENT").read_text() != before
    (index / "CURRENT").unlink()
    assert run("index", "build")[0] == 0
    assert "3 May 2024" in run("ask", QUESTION)[1]
    assert run("index", "gc")[0] == 0


def test_the_shipped_question_sets_are_asked_of_the_corpus_alone(run, papers, monkeypatch):
    seen = []

    def stop(*args, **options):
        seen.append(options["own_documents"])
        raise KeyboardInterrupt

    monkeypatch.setattr("qa.assistant.Assistant.open", stop)
    own = papers / "own.jsonl"
    own.write_text(json.dumps({"id": "a", "language": "en", "kind": "date", "question": QUESTION, "expect": ["3 May"], "documents": ["x"]}))
    run("eval", "dev")
    run("eval", own)
    assert seen == [False, True]
