"""The user's documents: adding, new versions, duplicates, addresses, removal."""

import json

import pytest
from own_documents import CHINESE, NEWER, NOTE, QUESTION, own, write
from samples import HashEmbedder

from qa.assistant import Assistant
from qa.errors import AddressRefused, LibraryProblem, UnknownDocument
from qa.library.sources import document_id

pytestmark = pytest.mark.usefixtures("hash_model")


# --- adding ------------------------------------------------------------------------------------


def test_an_added_file_answers_and_its_citation_is_exact(mine, tmp_path):
    (added,) = mine.add([write(tmp_path / "note.md")])
    assert (added.status, added.source, added.passages) == ("added", "note.md", 1)
    assert added.title == "The Zanzibar project"
    assert added.document_id == document_id("library", "note.md")
    assert added.document_id.startswith("library/note-")
    answer = mine.ask(QUESTION)
    assert "3 May 2024" in answer.text
    citation = answer.citations[0]
    assert citation.document_id == added.document_id
    document = mine.document(added.document_id)
    assert document.text[citation.start : citation.end] == citation.quote
    assert (citation.collection, citation.origin, citation.page, citation.sources) == ("library", "note.md", None, ())
    leader = mine.ask("Who is the leader of the Zanzibar project, Wilma Quartz?").citations[0]
    assert leader.as_of == document.origin.added[:10]  # neither the sentence nor the file has a date
    assert (document.topic, document.collection, document.origin.name) == ("", "library", "note.md")


def test_a_second_assistant_sees_it_at_once_and_an_open_one_after_reload(mine, own_settings, tmp_path):
    other = Assistant.open(settings=own_settings)
    mine.add([write(tmp_path / "note.md")])
    assert own(other) == []
    view = other._view
    assert other.reload()
    assert [d.id for d in own(other)] == [d.id for d in own(mine)]
    assert own(Assistant.open(settings=own_settings)) == own(mine)
    assert len(view.snapshot.documents) + 1 == len(other.documents)  # who holds the old view keeps it
    assert not other.reload()


def test_the_corpus_alone_can_be_opened(mine, own_settings, tmp_path):
    mine.add([write(tmp_path / "note.md")])
    alone = Assistant.open(settings=own_settings, own_documents=False)
    assert own(alone) == []
    assert not alone.reload()


def test_the_same_bytes_again_are_unchanged(mine, tmp_path):
    (first,) = mine.add([write(tmp_path / "note.md")])
    before = mine.document(first.document_id)
    (again,) = mine.add([tmp_path / "note.md"])
    assert (again.status, again.document_id, again.passages) == ("unchanged", first.document_id, 1)
    assert mine.document(first.document_id) == before


def test_a_new_version_replaces_the_old_one_and_says_which(mine, tmp_path):
    (first,) = mine.add([write(tmp_path / "note.md")], date="2024-05-04")
    (second,) = mine.add([write(tmp_path / "note.md", NEWER)])
    assert (second.status, second.document_id) == ("updated", first.document_id)
    assert "replaces the version of 2024-05-04" in second.message
    text = mine.document(first.document_id).text
    assert "9 July 2024" in text
    assert "3 May" not in text
    answer = mine.ask(QUESTION)
    assert "9 July 2024" in answer.text
    again = mine.add([tmp_path / "note.md"], date="2024-08-01")
    assert again[0].message == f"replaces the version of {mine.document(first.document_id).origin.added[:10]}"
    assert mine.ask("Who is the leader of the Zanzibar project, Wilma Quartz?").citations[0].as_of == "2024-08-01"
    assert not any("3 May" in h.text for h in answer.hits)
    assert mine.original(first.document_id).read_text(encoding="utf-8") == NEWER
    assert len(list((mine.settings.library / "originals").iterdir())) == 1


def test_the_same_content_under_two_names_is_indexed_once(mine, tmp_path):
    first, second = mine.add([write(tmp_path / "note.md"), write(tmp_path / "copy.md")])
    assert (first.status, second.status) == ("added", "duplicate")
    assert second.document_id == first.document_id
    assert second.message == f"duplicate of {first.document_id} (note.md)"
    assert len(own(mine)) == 1
    assert len(list((mine.settings.library / "originals").iterdir())) == 1


def test_a_version_that_becomes_a_duplicate_gives_up_its_earlier_content(mine, tmp_path):
    mine.add([write(tmp_path / "note.md"), write(tmp_path / "other.md", "The lighthouse of Port Ellery is 41 metres high.\n")])
    (result,) = mine.add([write(tmp_path / "other.md", NOTE)])
    assert result.status == "duplicate"
    assert "the earlier version under this name was removed" in result.message
    assert [d.origin.name for d in own(mine)] == ["note.md"]


def test_one_bad_file_does_not_stop_the_others(mine, tmp_path):
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.7\nnothing that follows is a PDF")
    results = mine.add([tmp_path / "none.md", bad, write(tmp_path / "empty.md", ""), write(tmp_path / "note.md"), write(tmp_path / "x.xyz", CHINESE)])
    by_name = {r.source.rsplit("/")[-1]: r for r in results}
    assert by_name["note.md"].status == "added"
    for name, part in (("none.md", "does not exist"), ("bad.pdf", "bad.pdf"), ("empty.md", "empty.md is empty"), ("x.xyz", ".xyz")):
        assert by_name[name].status == "refused"
        assert by_name[name].document_id is None
        assert part in by_name[name].message
    assert len(own(mine)) == 1


def test_a_version_that_cannot_be_read_leaves_the_earlier_one(mine, tmp_path):
    (first,) = mine.add([write(tmp_path / "note.md")])
    (second,) = mine.add([write(tmp_path / "note.md", "")])
    assert (second.status, second.document_id) == ("refused", first.document_id)
    assert "the earlier version stays" in second.message
    assert "3 May 2024" in mine.ask(QUESTION).text


def test_title_language_and_date_can_be_told_for_a_single_file(mine, tmp_path):
    (added,) = mine.add([write(tmp_path / "note.md")], title="Zanzibar, told", language="zh", date="2024-06-30")
    document = mine.document(added.document_id)
    assert (document.title, document.language, document.as_of) == ("Zanzibar, told", "zh", "2024-06-30")
    (again,) = mine.add([tmp_path / "note.md"], title="Zanzibar, told", language="zh", date="2024-06-30")
    assert again.status == "unchanged"
    (changed,) = mine.add([tmp_path / "note.md"], title="Zanzibar, better")
    assert (changed.status, mine.document(added.document_id).title) == ("updated", "Zanzibar, better")
    with pytest.raises(LibraryProblem, match="single file only"):
        mine.add([tmp_path / "note.md", write(tmp_path / "b.md", CHINESE)], title="Both")
    with pytest.raises(LibraryProblem, match="not a date like"):
        mine.add([tmp_path / "note.md"], date="2024-13-01")
    with pytest.raises(LibraryProblem, match="use en or zh"):
        mine.add([tmp_path / "note.md"], language="fr")


def test_what_a_file_does_not_say_is_not_invented(mine, tmp_path):
    (added,) = mine.add([write(tmp_path / "plain.txt", "The lighthouse of Port Ellery is 41 metres high.\n")])
    document = mine.document(added.document_id)
    assert (document.title, document.as_of, document.topic, document.sources) == ("plain.txt", "", "", ())
    assert document.origin.added[:4].isdigit()


def test_names_are_remembered_but_never_become_paths(mine, tmp_path):
    before = {p for p in tmp_path.rglob("*") if "library" not in p.parts}
    name = "../../../etc/\x1b[31mpasswd\n.md"
    (added,) = mine.add([write(tmp_path / "0.md")], names=[name])
    assert added.status == "added"
    assert added.source == "../../../etc/\ufffd[31mpasswd\ufffd.md"
    assert mine.original(added.document_id).parent == mine.settings.library / "originals"
    assert {p for p in tmp_path.rglob("*") if "library" not in p.parts} - before == {tmp_path / "0.md"}
    with pytest.raises(LibraryProblem, match="2 names were given for 1 sources"):
        mine.add([tmp_path / "0.md"], names=["a.md", "b.md"])


def test_two_files_of_one_name_in_one_call_are_not_taken_for_versions(mine, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    results = mine.add([write(tmp_path / "a" / "note.md"), write(tmp_path / "b" / "note.md", CHINESE)])
    assert [r.status for r in results] == ["added", "refused"]
    assert "same name" in results[1].message


def test_progress_tells_of_reading_and_of_passages(mine, tmp_path):
    told = []
    mine.add([write(tmp_path / "note.md"), write(tmp_path / "b.md", CHINESE)], progress=lambda *step: told.append(step))
    assert told[0] == (0, 0, "reading note.md (1 of 2)")
    assert told[-1][:2] == (2, 2)
    embedder = HashEmbedder()
    mine._embedder = embedder
    mine.add([write(tmp_path / "c.md", "The lighthouse of Port Ellery is 41 metres high.\n")])
    assert len(embedder.encoded) == 1  # only what is new


# --- addresses ---------------------------------------------------------------------------------


def test_an_address_is_fetched_and_kept_under_what_was_typed(mine, monkeypatch):
    def fetch(url, limits=None):
        if "private" in url:
            raise AddressRefused(f"{url} leads to a private address; give a public one")
        return type("F", (), {"content": NOTE.encode(), "media_type": "text/markdown", "url": "https://example.org/final.md", "name": "final.md"})()

    monkeypatch.setattr("qa.library.intake.fetch", fetch)
    good, bad = mine.add(["https://example.org/note", "http://private.example/"])
    document = mine.document(good.document_id)
    assert (document.origin.name, document.origin.url) == ("https://example.org/note", "https://example.org/final.md")
    assert mine.original(good.document_id).suffix == ".md"
    assert (bad.status, bad.source) == ("refused", "http://private.example/")
    assert "private address" in bad.message


# --- removal -----------------------------------------------------------------------------------


def test_removal_leaves_nothing(mine, tmp_path):
    words = ("Xylophantasma", "Quirzelwick", "琥珀鸢尾计划")
    secret = f"# {words[0]} dossier\n\nThe {words[0]} of {words[1]} was founded on 3 May 2024. {words[2]}由飞鸟公司发起。\n"
    (stays,) = mine.add([write(tmp_path / "note.md")])
    text = secret * 40
    (added, other) = mine.add([write(tmp_path / f"{words[0]}.md", text), write(tmp_path / "b.md", CHINESE)])
    mine.add([write(tmp_path / f"{words[0]}.md", text + "One more line.\n")])
    assert traces(mine.settings.library, words)
    assert mine.remove([added.document_id, other.document_id]) == [added.document_id, other.document_id]
    assert traces(mine.settings.library, words) == []
    assert [d.id for d in own(mine)] == [stays.document_id]
    with pytest.raises(UnknownDocument):
        mine.document(added.document_id)
    assert not any(words[0] in h.text for h in mine.search(words[0]))
    assert "3 May 2024" in mine.ask(QUESTION).text
    mine.remove([stays.document_id])
    assert own(mine) == []
    assert traces(mine.settings.library, ("Zanzibar", "Wilma")) == []
    assert not mine.settings.library.joinpath("index").exists()


def traces(folder, words):
    """Return the files of a folder whose name or content holds one of the words, in UTF-8, UTF-16 or escaped."""
    spellings = {v for w in words for v in (w, w.lower(), w.upper())}
    forms = {f for v in spellings for f in (v.encode(), v.encode("utf-16-le"), v.encode("utf-16-be"), json.dumps(v).encode()[1:-1])}
    return [str(p) for p in folder.rglob("*") if p.is_file() and any(f in p.read_bytes() or f in p.name.encode() for f in forms)]


def test_a_replaced_version_leaves_nothing_either(mine, tmp_path):
    mine.add([write(tmp_path / "note.md", "The Xylophantasma of Quirzelwick was founded on 3 May 2024.\n" * 50)])
    mine.add([write(tmp_path / "note.md")])
    assert traces(mine.settings.library, ("Xylophantasma", "Quirzelwick")) == []


def test_removal_of_the_unknown_or_of_the_corpus_is_refused_as_a_whole(mine, tmp_path):
    (added,) = mine.add([write(tmp_path / "note.md")])
    with pytest.raises(UnknownDocument, match="'library/none-12345678'"):
        mine.remove([added.document_id, "library/none-12345678"])
    with pytest.raises(LibraryProblem, match="'qwq-32b' belongs to the corpus"):
        mine.remove([added.document_id, "qwq-32b"])
    assert len(own(mine)) == 1
    assert mine.remove([]) == []
