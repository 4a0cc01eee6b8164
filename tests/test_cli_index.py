"""Commands that look after corpus and index."""

import fcntl
import json

import pytest
from commands import QUESTION, failed
from samples import DOCUMENTS

pytestmark = pytest.mark.usefixtures("hash_model")


def test_documents_are_listed_in_scope(run):
    code, out, _ = run("documents")
    assert code == 0
    assert {line.split("\t")[0] for line in out.splitlines()} == set(DOCUMENTS)
    listed = json.loads(run("documents", "--topic", "market", "--language", "zh", "--json")[1])
    assert [d["id"] for d in listed] == ["market-zh"]
    assert listed[0]["sources"][0]["publisher"] == "Example Press"
    assert "text" not in listed[0]


def test_corpus_check_passes_and_fails(run, good):
    code, out, _ = run("corpus", "check", "--corpus", good)
    assert (code, out) == (0, f"no problems in {good}\n")
    assert json.loads(run("corpus", "check", "--corpus", good, "--json")[1]) == []
    (good / "en" / "bad.md").write_text("nothing", encoding="utf-8")
    result = run("corpus", "check", "--corpus", good)
    failed(result, "1 problem in", "qa corpus check")
    assert result[1].startswith("en/bad.md:1: no front matter")
    code, out, _ = run("corpus", "check", "--corpus", good, "--json")
    assert code == 1
    assert json.loads(out)[0].startswith("en/bad.md:1: no front matter")


def test_corpus_report_describes_and_draws(run, tmp_path):
    plot = tmp_path / "corpus.png"
    code, out, err = run("corpus", "report", "--plot", plot)
    assert (code, err) == (0, f"wrote {plot}\n")
    assert out.startswith("# ")
    assert str(len(DOCUMENTS) - 2) in out
    assert plot.read_bytes().startswith(b"\x89PNG")
    failed(run("corpus", "report", "--plot", tmp_path / "no" / "folder.png"), "no/folder.png")


def test_a_broken_corpus_file_is_named_by_every_command_that_reads_it(run, corpus):
    (corpus / "en" / "qwq-32b.md").write_text("---\nid: x\n", encoding="utf-8")
    assert "has changed since the index was built" in run("index", "status")[1].replace("\n", " ")  # tells without parsing
    for command in (["ask", QUESTION], ["search", "x"], ["documents"], ["index", "build"]):
        failed(run(*command), "en/qwq-32b.md:1: no front matter")


def test_a_missing_corpus_is_named(run, tmp_path):
    for command in (["ask", QUESTION], ["documents"], ["index", "build"]):
        failed(run(*command, "--corpus", tmp_path / "none"), "none: no documents; a corpus folder holds")


def test_global_options_stand_before_or_after_the_command(run, good, tmp_path):
    for arguments in (["--corpus", good, "documents"], ["documents", "--corpus", good]):
        assert run(*arguments)[1].startswith("good\t")
    failed(run("--index", tmp_path / "none", "index", "verify"), f"no index in {tmp_path / 'none'}; run: qa index build")
    failed(run("index", "verify", "--index", tmp_path / "none"), f"no index in {tmp_path / 'none'}; run: qa index build")


def test_index_build_status_verify_and_gc(run, tmp_path):
    folder = tmp_path / "new"
    code, out, _ = run("index", "build", "--index", folder)
    assert code == 0
    assert out.startswith("built: ")
    assert f"{len(DOCUMENTS)} documents in {folder}" in out
    assert run("index", "build", "--index", folder)[1].startswith("up to date: ")
    assert run("index", "build", "--index", folder, "--force")[1].startswith("built: ")
    status = json.loads(run("index", "status", "--index", folder, "--json")[1])
    assert (status["state"], status["reason"], status["documents"]) == ("up to date", "", len(DOCUMENTS))
    assert status["bytes"] > 10_000
    assert "up to date" in run("index", "status", "--index", folder)[1]
    assert run("index", "verify", "--index", folder)[1].startswith("intact: ")
    assert run("index", "gc", "--index", folder)[1].startswith("removed 0 old generations")


def test_a_forced_build_encodes_everything_anew(run, index):
    run("index", "build", "--force")
    generation = (index / "CURRENT").read_text()
    code, _, err = run("index", "build", "--force")
    assert code == 0
    assert ", 0 of them done before" in err
    assert (index / "CURRENT").read_text() != generation


def test_status_says_why_an_index_is_stale(run, corpus):
    path = corpus / "en" / "qwq-32b.md"
    path.write_text(path.read_text(encoding="utf-8").replace("6 March", "7 March"), encoding="utf-8")
    code, out, _ = run("index", "status")
    assert code == 0
    assert "stale: the corpus in" in out
    assert "run: qa index build" in out
    assert "7 March 2025" in run("ask", QUESTION)[1]
    assert "up to date" in run("index", "status")[1]


def test_damage_is_named_and_repaired_by_what_the_message_says(run, index):
    current = (index / "CURRENT").read_text().strip()
    file = next((index / current).glob("*.faiss"))
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    for command in (["ask", QUESTION], ["search", "x"], ["index", "verify"]):
        failed(run(*command), "has changed since it was built; run: qa index build --force")
    assert run("index", "build", "--force")[0] == 0
    assert run("index", "verify")[0] == 0
    assert "6 March 2025" in run("ask", QUESTION)[1]


def test_a_plain_build_repairs_damage_too(run, index):
    current = (index / "CURRENT").read_text().strip()
    next((index / current).glob("*.faiss")).unlink()
    failed(run("index", "verify"), "is missing; run: qa index build")
    assert run("index", "build")[1].startswith("built: ")
    assert run("index", "verify")[0] == 0


def test_a_foreign_index_folder_is_refused_and_left_alone(run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_bytes(b"precious")
    for command in (["ask", QUESTION], ["index", "build"], ["index", "build", "--force"], ["index", "status"], ["index", "gc"], ["index", "verify"]):
        failed(run(*command, "--index", folder), "holds other files", "holiday.jpg", "choose another folder")
    assert [p.name for p in folder.iterdir()] == ["holiday.jpg"]


def test_a_running_build_is_named(run, index):
    run("index", "build", "--force")
    with (index / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        failed(run("index", "build", "--force"), "another process is building", "wait")
        assert (index / "cache.sqlite").exists()
        assert "6 March 2025" in run("ask", QUESTION)[1]


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    failed(run("index", "build", "--index", tmp_path / "file" / "index"), "file/index")
