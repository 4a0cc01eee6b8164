"""Who is let in, what is refused, and what is never logged; without a browser."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from fastapi.testclient import TestClient
from web.scripted import ScriptedAssistant

from qa.cli import main
from qa.errors import SettingsError
from qa.settings import Settings
from qa.web.accounts import Accounts, Sessions, Throttle, read_users, write_user
from qa.web.app import create_app
from qa.web.engine import Engine
from qa.web.exposure import check_exposure, is_loopback
from qa.web.limits import Body, Rate, network

PASSWORD = "correct horse battery"
JOIN = "/gradio_api/queue/join"


@contextmanager
def opened(data, base="http://127.0.0.1", **values):
    """Run an application with a scripted assistant, and return a client of it."""
    settings = Settings(**values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QA_DATA", str(data))
        engine = Engine(settings, lambda **_: ScriptedAssistant(settings))
        app = create_app(settings, engine)
    with TestClient(app, base_url=base, follow_redirects=False) as client:
        engine._finished.wait(10)
        client.assistant = engine.assistant
        yield client


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    path = tmp_path_factory.mktemp("users") / "users.txt"
    write_user(path, "anna", PASSWORD)
    write_user(path, "berta", PASSWORD + "!")
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A client of a page without log-in."""
    with opened(tmp_path_factory.mktemp("data")) as client:
        yield client


@pytest.fixture
def guarded(tmp_path, users):
    """A client of a page with log-in."""
    with opened(tmp_path, auth=users) as client:
        yield client


def log_in(client, name="anna", password=PASSWORD, **more):
    return client.post("/login", data={"name": name, "password": password}, **more)


def upload(client, *files, **more):
    """Upload (name, content) pairs and return the status, and the last step."""
    answer = client.post("/library/files", files=[("files", (name, io.BytesIO(content))) for name, content in files], **more)
    return answer.status_code, answer.json() if answer.status_code != 200 else _steps(answer)[-1]


def _steps(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


# Where the page may be served


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)])
def test_only_loopback_needs_no_log_in(host, expected, users):
    assert is_loopback(host) is expected
    check_exposure(Settings(auth=users), host)
    check_exposure(Settings(insecure=True), host)
    if not expected:
        with pytest.raises(SettingsError, match="--auth, or spell out --insecure"):
            check_exposure(Settings(), host)


def test_serving_other_machines_without_log_in_is_wrong_use(capsys):
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    message = capsys.readouterr().err
    assert "--insecure" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example"])
def test_another_host_name_is_refused(plain, host):
    assert plain.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1:1", "[::1]:7860"])
def test_names_of_this_machine_are_answered(plain, host):
    assert plain.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_proxys_name_is_answered_where_it_is_allowed(tmp_path):
    with opened(tmp_path, allowed_hosts=("qa.example",)) as client:
        assert client.get("/healthz", headers={"Host": "qa.example"}).status_code == 200
        assert client.get("/healthz", headers={"Host": "other.example"}).status_code == 421


# Other sites


@pytest.mark.parametrize("path", ["/library/remove", "/library/files", "/library/address", JOIN, "/gradio_api/component_server/", "/logout"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_another_site_changes_nothing(plain, path, headers):
    answer = plain.post(path, json={"ids": ["users"]}, headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"error": "the request came from another site"})


def test_another_site_cannot_read_or_log_in(plain, guarded):
    headers = {"Origin": "https://evil.example"}
    for answer in (plain.get("/config", headers=headers), plain.options("/config", headers=headers)):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert plain.get("/library/picture", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert plain.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert log_in(guarded, headers=headers).status_code == 403
    assert log_in(guarded, headers={"Origin": "http://127.0.0.1"}).status_code == 303


# Logging in


def test_log_in_cookie_and_log_out(guarded):
    assert guarded.get("/?q=a&topic=b").headers["location"] == "/login?next=%2F%3Fq%3Da%26topic%3Db"
    assert guarded.get("/login").status_code == 200
    assert guarded.get("/session").status_code == 401
    wrong = log_in(guarded, password="wrong")
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    assert 'data-problem="wrong"' in wrong.text
    right = guarded.post("/login?next=%2F%3Fq%3Da", data={"name": "anna", "password": PASSWORD})
    assert (right.status_code, right.headers["location"]) == (303, "/?q=a")
    cookie = right.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert guarded.get("/session").json()["user"] == "anna"
    assert guarded.get("/config").headers["cache-control"] == "no-store"
    token = guarded.cookies["qa_session"]
    out = guarded.post("/logout")
    assert (out.headers["location"], "Max-Age=0" in out.headers["set-cookie"]) == ("/login", True)
    assert guarded.get("/session", headers={"Cookie": f"qa_session={token}"}).status_code == 401


def test_logging_in_leads_nowhere_else(guarded):
    for wanted in ("https://evil.example", "//evil.example", "/\\evil.example", "/?a\r\nSet-Cookie: b=c", "/logout"):
        answer = guarded.post("/login", params={"next": wanted}, data={"name": "anna", "password": PASSWORD})
        assert answer.headers["location"] == "/", wanted


def test_cookies_are_secure_behind_tls(tmp_path, users):
    with opened(tmp_path, "https://qa.example", auth=users, allowed_hosts=("qa.example",)) as client:
        assert "Secure" in log_in(client, headers={"Origin": "https://qa.example"}).headers["set-cookie"].split("; ")


def test_every_log_in_has_a_cookie_of_its_own_and_a_forged_one_is_none(guarded):
    cookies = [re.search("qa_session=([^;]+)", log_in(guarded).headers["set-cookie"]).group(1) for _ in range(2)]
    assert len(set(cookies)) == 2
    guarded.cookies.clear()
    token, _, signature = cookies[1].rpartition(".")
    forged = (f"{token}.", f"{token}.{signature[::-1]}", f"x{token}.{signature}", "", ".", "é.é")
    for cookie in (*forged, cookies[0]):  # the first ended when the second began
        assert guarded.get("/session", headers={"Cookie": f"qa_session={cookie}".encode()}).status_code == 401
    assert guarded.get("/session", headers={"Cookie": f"qa_session={cookies[1]}"}).status_code == 200


def test_a_session_ends_with_its_time_its_user_or_the_password(tmp_path):
    path, now = tmp_path / "users", [0.0]
    for name in ("anna", "berta"):
        write_user(path, name, PASSWORD)
    sessions = Sessions(Accounts(path), 100, clock=lambda: now[0])
    anna, berta = sessions.begin("anna"), sessions.begin("berta")
    now[0] = 99.0
    assert sessions.user(anna) == "anna"
    now[0] = 100.0
    assert sessions.user(anna) == ""
    now[0] = 50.0
    write_user(path, "anna", PASSWORD + "2")
    assert (sessions.user(anna), sessions.user(berta)) == ("", "berta")
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert sessions.user(berta) == ""


def test_conversations_belong_to_the_user_whatever_cookie_is_sent(guarded):
    shown = []
    for name, password in (("anna", PASSWORD), ("berta", PASSWORD + "!"), ("anna", PASSWORD)):
        client = TestClient(guarded.app, base_url="http://127.0.0.1", follow_redirects=False, cookies={"qa_owner": "0" * 32})
        log_in(client, name, password)
        config = client.get("/config").json()
        part = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "part-ask")

        def call(function, data, client=client, part=part):
            sent = {"data": data, "component_id": part, "fn_name": function, "session_hash": "x"}
            return client.post("/gradio_api/component_server/", json=sent).json()

        if not shown:
            owner = client.app.state.handlers.store.add_turn(_owner("anna"), "", {"id": "t", "question": "How many?", "text": "Ten."})
        shown.append([c["id"] for c in call("page_conversations", {})["conversations"]])
    assert shown == [[owner], [], [owner]]


def _owner(name):
    return hashlib.sha256(f"user {name}".encode()).hexdigest()[:32]


def _routes(app):
    for route in app.routes:
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        yield from _routes(inner) if hasattr(inner, "routes") else ()
        yield route


def test_no_route_is_open_without_log_in(guarded):
    paths = {route.path for route in _routes(guarded.app) if getattr(route, "path", None)}
    paths |= {"/gradio_api" + path for path in paths}
    assert {"/config", "/readyz", "/library/picture", "/theme.css", "/gradio_api/upload", "/gradio_api/file={path_or_url:path}", JOIN} <= paths
    opened = set()
    for path in paths - {"/healthz", "/login"}:
        filled = re.sub(r"\{[^}]*\}", "x", path)
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
            if guarded.request(method, filled, json={}).status_code not in (303, 401, 404):
                opened.add((method, filled))
    assert opened == set()
    for path in ("/page/main.js", "/assets/index.js", "/page/base.css/../main.js", "//config", "/login/../config"):
        assert guarded.get(f"http://127.0.0.1{path}").status_code in (401, 404), path


def test_what_gradio_could_do_besides_is_closed(plain):
    before = set(Path(tempfile.gettempdir()).glob("gradio/*"))
    files = {"files": ("x.txt", b"x")}
    for path in ("/gradio_api/upload", "/gradio_api/file=/etc/passwd", "/monitoring", "/gradio_api/deep_link", "/gradio_api/run/ask", "/login/"):
        assert {plain.get(path).status_code, plain.post(path, files=files).status_code} <= {404, 405}, path
    assert plain.post("/gradio_api/component_server/", files=files).status_code == 415
    assert set(Path(tempfile.gettempdir()).glob("gradio/*")) == before


# Guessing


def test_guessing_is_held_back_even_if_the_last_guess_is_right(guarded):
    answers = [log_in(guarded, password=f"wrong {n}").status_code for n in range(4)]
    held = log_in(guarded)
    assert answers == [401] * 4
    assert (held.status_code, held.headers["retry-after"], "set-cookie" in held.headers) == (429, "1", False)
    assert log_in(guarded, "berta", PASSWORD + "!").status_code == 429  # the address waits, whoever it says it is


def test_the_wait_doubles_and_a_user_cannot_be_locked_out_for_long():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    waits = []
    for _ in range(20):
        while (wait := throttle.begin("1.2.3.4", "anna")) > 0:
            waits.append(wait)
            now[0] += wait
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert max(waits) == 900
    assert 0 < throttle.begin("5.6.7.8", "anna") <= 60
    assert throttle.begin("5.6.7.8", "berta") == 0
    throttle.succeeded("5.6.7.8", "berta")
    now[0] += 3600
    assert throttle.begin("1.2.3.4", "anna") == 0


def test_own_success_does_not_pay_for_guesses_at_others():
    throttle = Throttle(clock=lambda: 0.0)
    for _ in range(3):
        assert throttle.begin("1.2.3.4", "victim") == 0
        assert throttle.begin("1.2.3.4", "attacker") == 0
        throttle.succeeded("1.2.3.4", "attacker")
    throttle.begin("1.2.3.4", "other")
    assert throttle.begin("1.2.3.4", "attacker") > 0


def test_an_unknown_user_takes_as_long_as_a_known_one(users, monkeypatch):
    checked = []
    monkeypatch.setattr("qa.web.accounts._HASHER", type("Hasher", (), {"verify": lambda self, hashed, password: checked.append(hashed)})())
    accounts = Accounts(users)
    assert accounts.admits("anna", PASSWORD)
    assert not accounts.admits("nobody", PASSWORD)
    assert len(checked) == 2


# Users' file


def test_users_are_kept_as_hashes_that_only_the_owner_reads(tmp_path, monkeypatch, capsys):
    path = tmp_path / "deep" / "users"
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert main(["user", "add", "anna", "--auth", str(path)]) == 0
    assert PASSWORD not in path.read_text() + capsys.readouterr().out
    assert read_users(path)["anna"].startswith("$argon2id$")
    assert path.stat().st_mode & 0o077 == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["user", "add", "berta", "--auth", str(path)]) == 1
    assert list(read_users(path)) == ["anna"]


@pytest.mark.parametrize(
    ("text", "problem"), [("", "no users"), ("anna:plain\n", "not a user"), ("a b:$argon2id$x\n", "not a user"), (None, "No such")]
)
def test_a_file_without_users_is_refused_without_showing_it(tmp_path, text, problem):
    path = tmp_path / "users"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=problem) as error:
        Accounts(path)
    assert "plain" not in str(error.value)


def test_secrets_are_never_logged(guarded, users, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    log_in(guarded, password="a wrong secret")
    log_in(guarded)
    guarded.get("/session")
    token = guarded.cookies["qa_session"]
    guarded.post("/logout")
    said = caplog.text + "".join(capsys.readouterr())
    assert "log-in from testclient failed" in said
    for secret in ("a wrong secret", PASSWORD, token, token.split(".")[0], *read_users(users).values()):
        assert secret not in said


# Limits


def test_a_clients_rate_is_limited_kindly(tmp_path):
    with opened(tmp_path, requests_per_minute=60) as client:
        codes = [client.get("/session").status_code for _ in range(40)]
        assert codes[:30] == [200] * 30
        assert 429 in codes[30:]
        late = client.get("/session")
        assert late.json()["error"].startswith("that was a little fast")
        assert int(late.headers["retry-after"]) >= 1
        assert client.get("/page/main.js").status_code == 200


def test_a_bucket_fills_again_and_clients_do_not_share_it():
    now = [0.0]
    rate = Rate(60, clock=lambda: now[0])
    assert [rate.take("a") for _ in range(31)] == [0.0] * 30 + [1.0]
    assert rate.take("b") == 0.0
    now[0] = 1.0
    assert rate.take("a") == 0.0
    assert network("2001:db8::1") == network("2001:db8::ffff") == "2001:db8::/64"
    assert network("::ffff:1.2.3.4") == network("1.2.3.4") == "1.2.3.4"


def test_a_large_request_is_refused_before_it_is_read(plain):
    for length in (10**12, -1, "many"):
        headers = {"Content-Type": "application/json", "Content-Length": str(length)}
        assert plain.post(JOIN, content=b"{}", headers=headers).status_code == 413


@pytest.mark.anyio
async def test_an_endless_request_is_cut_off(plain):
    parts, answers = [], []

    async def receive():
        parts.append(1)
        return {"type": "http.request", "body": b" " * 100_000, "more_body": True}

    async def send(message):
        answers.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": JOIN, "raw_path": JOIN.encode(), "query_string": b"", "headers": headers}
    scope |= {"scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "http_version": "1.1", "root_path": "", "state": {}}
    await plain.app(scope, receive, send)
    assert len(parts) == 4
    assert (answers[0]["status"], b"larger" in answers[1]["body"]) == (413, True)


@pytest.mark.anyio
async def test_a_body_that_stops_is_given_up(monkeypatch):
    monkeypatch.setattr("qa.web.limits.IDLE_S", 0.01)

    async def never():
        await anyio.sleep(10)

    body = Body(never, 10)
    assert await body.receive() == {"type": "http.disconnect"}
    assert body.refused == 408


@pytest.fixture
def anyio_backend():
    return "asyncio"


def test_too_long_a_question_is_refused_by_the_server(plain):
    config = plain.get("/config").json()
    event = next(e for e in config["dependencies"] if e["targets"] and e["targets"][0][1] == "submit")
    sent = {"data": [], "event_data": {"request": "r", "question": "x" * 2001}, "fn_index": event["id"], "trigger_id": event["targets"][0][0]}
    plain.post(JOIN, json={**sent, "session_hash": "s"})
    stream = plain.get("/gradio_api/queue/data", params={"session_hash": "s"}).text
    assert "the limit is 2,000" in stream


def test_uploads_are_limited_in_size_number_and_together(tmp_path):
    with opened(tmp_path, max_file_mb=1, max_files=3, max_library_mb=2) as client:
        status, last = upload(client, ("big.txt", b"a" * 1_000_001), ("empty.txt", b""), ("good.txt", b"All is well."))
        assert [r["status"] for r in last["results"]] == ["refused", "refused", "added"]
        assert "the limit is 1 MB" in last["results"][0]["message"]
        assert [path.name for path in client.assistant.paths] == ["2.txt"]
        status, last = upload(client, *[(f"{n}.txt", b"x") for n in range(4)])
        assert (status, last["error"]) == (413, "an upload holds at most 3 files; send the others after it")
        assert upload(client, ("huge.txt", b"a" * 3_000_000))[0] == 413
        for n in range(2):
            _, last = upload(client, (f"{n}.txt", b"%d" % n * 990_000))
        assert last["results"][0]["status"] == "added"
        _, last = upload(client, ("late.txt", b"x" * 900_000))
        assert (last["results"][0]["status"], "full" in last["results"][0]["message"]) == ("refused", True)


def test_only_so_many_uploads_at_once(tmp_path):
    with opened(tmp_path, uploads_at_once=1) as client:
        client.assistant.held.clear()
        first = threading.Thread(target=upload, args=(client, ("one.txt", b"One.")))
        first.start()
        assert client.assistant.entered.wait(10)
        assert upload(client, ("two.txt", b"Two.")) == (429, {"error": "other uploads are under way; please try again in a moment"})
        client.assistant.held.set()
        first.join(10)
        assert upload(client, ("two.txt", b"Two."))[0] == 200


def test_read_only_is_the_servers_decision(tmp_path):
    with opened(tmp_path, read_only=True) as client:
        assert upload(client, ("a.txt", b"A."))[0] == 403
        assert client.post("/library/address", json={"url": "https://a.example/", "collection": "library"}).status_code == 403
        assert client.post("/library/remove", json={"ids": ["users"]}).status_code == 403
        assert client.get("/session").json()["read_only"] is True
        assert {d.id for d in client.assistant.documents} == {"users", "hostile", "deepseek-zh"}


# File names and documents


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\system.txt", "system.txt"),
        ("/abs/olute.txt", "olute.txt"),
        ("a\u202etxt.exe.txt", "atxt.exe.txt"),
        ("$(touch x);`id`.txt", "$(touch x);`id`.txt"),
        ("n" * 300 + ".txt", "n" * 160 + "…" + "n" * 35 + ".txt"),
    ],
)
def test_a_file_name_never_becomes_a_path(plain, sent, shown):
    status, last = upload(plain, (sent, f"Text of {shown}.".encode()))
    assert (status, last["results"][0]["name"], last["results"][0]["status"]) == (200, shown, "added")
    path = plain.assistant.paths[-1]
    assert re.fullmatch(r"qa-upload-[^/]+/0\.txt", str(path.relative_to(tempfile.gettempdir())))
    assert not path.parent.exists()


def test_a_failed_upload_leaves_nothing_behind(plain, monkeypatch):
    def fail(paths, **_):
        raise RuntimeError(str(paths))

    monkeypatch.setattr(plain.assistant, "add", fail)
    assert upload(plain, ("a.txt", b"A.")) == (200, {"step": "failed", "error": ""})
    assert plain.post("/library/files", content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data; boundary=x"}).status_code == 422
    assert list(Path(tempfile.gettempdir()).glob("qa-upload-*")) == []


@pytest.mark.parametrize("collection", ["corpus", "../up", "a/b", "", "x" * 41, "a b"])
def test_a_collection_is_a_plain_name(plain, collection):
    assert upload(plain, ("a.txt", b"A."), params={"collection": collection})[0] == 422
    assert plain.post("/library/address", json={"url": "https://a.example/", "collection": collection}).status_code == 422


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example/", "javascript:alert(1)", "https://a b.example/", "https://" + "a" * 2000])
def test_an_address_is_http(plain, url):
    assert plain.post("/library/address", json={"url": url, "collection": "library"}).status_code == 422


def test_the_corpus_is_not_removed(plain):
    assert plain.post("/library/remove", json={"ids": ["users"]}).status_code == 409
    assert plain.post("/library/remove", json={"ids": ["nothing"]}).status_code == 404
    assert plain.post("/library/remove", json={"ids": []}).status_code == 422


def test_a_page_is_shown_only_of_a_document_that_has_it(plain):
    _, last = upload(plain, ("paged.pdf", b"Page one.\nPage two.\n"))
    document = last["results"][0]["document"]
    picture = plain.get("/library/picture", params={"id": document, "page": 2, "width": 10**9})
    assert (picture.status_code, picture.headers["content-type"], picture.content[:4]) == (200, "image/png", b"\x89PNG")
    assert int.from_bytes(picture.content[16:20], "big") == 2000
    for identity, page in ((document, 3), (document, 0), ("users", 1), ("../../etc/passwd", 1)):
        assert plain.get("/library/picture", params={"id": identity, "page": page}).status_code == 404
    assert plain.get("/library/picture", params={"id": document, "page": "one"}).status_code == 422
    assert plain.post("/library/remove", json={"ids": [document]}).json() == {"removed": [document]}
    assert plain.get("/library/picture", params={"id": document, "page": 1}).status_code == 404


def test_every_test_that_the_threat_model_names_is_there():
    root = Path(__file__).parents[2]
    text = (root / "SECURITY.md").read_text(encoding="utf-8")
    files = {path.name: path.read_text(encoding="utf-8") for path in (root / "tests").rglob("test_*.py")}
    named = set(re.findall(r"`(?:test_\w+\.py::)?(test_\w+)`", text))
    assert len(named) > 20
    assert {name for name in named if not any(f"def {name}(" in source for source in files.values())} == set()
    assert {Path(path).name for path in re.findall(r"`(tests/\w+\.py)`", text)} <= files.keys()
