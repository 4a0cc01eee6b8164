"""Fetching: only public addresses, only what is read, never too much; against a server on loopback."""

import gzip
import http.server
import ipaddress
import socket
import ssl
import threading
import time

import pytest

from qa.documents.readers import Fetcher, FetchLimits, fetch
from qa.documents.readers.addresses import is_public, parse_url
from qa.errors import AddressRefused, UnreadableFile

PAGE = b"<html><body><p>Some words.</p></body></html>"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers from the server's table: path to (status, headers, body), or a function that writes."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Host"]))
        answer = self.server.pages.get(self.path, (404, {}, b""))
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.pages, running.seen = {}, []
        running.handle_error = lambda *_: None  # clients that leave are what is tested
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def html(body=PAGE, **headers):
    return 200, {"Content-Type": "text/html; charset=utf-8", **headers}, body


def fetcher(server, hosts=("site.example",), inside=(), **limits):
    """Return a fetcher that finds the named hosts on the test's server; ``inside`` resolve to a private address."""

    def resolver(host, port):
        if host in inside:
            return ["10.0.0.1"]
        if host in hosts:
            return ["127.0.0.1"]
        raise OSError("unknown")

    return Fetcher(FetchLimits(**limits), resolver=resolver, allow=lambda address: str(address) == "127.0.0.1")


def at(server, path, host="site.example"):
    return f"http://{host}:{server.server_address[1]}{path}"


def test_a_page_is_fetched_under_the_name_that_was_asked_for(server):
    server.pages["/a/report?x=1"] = html()
    found = fetcher(server).fetch(at(server, "/a/report?x=1"))
    assert (found.content, found.media_type, found.name) == (PAGE, "text/html", "report.html")
    assert found.url == at(server, "/a/report?x=1")
    port = server.server_address[1]
    assert server.seen == [("/robots.txt", f"site.example:{port}"), ("/a/report?x=1", f"site.example:{port}")]


@pytest.mark.parametrize(
    ("path", "media_type", "name"),
    [
        ("/r.pdf", "application/pdf", "r.pdf"),
        ("/download?id=1", "application/pdf", "download.pdf"),
        ("/notes.md", "text/plain", "notes.md"),
        ("/data.csv", "application/octet-stream", "data.csv"),
        ("/", "text/html", "site.example.html"),
        ("/%E6%8A%A5%E5%91%8A.html", "text/html", "报告.html"),
        ("/..%2f..%2fetc%2fpasswd", "text/plain", "etc-passwd.txt"),
    ],
)
def test_names_are_made_from_addresses(server, path, media_type, name):
    server.pages[path] = (200, {"Content-Type": media_type}, b"x")
    assert fetcher(server).fetch(at(server, path)).name == name


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/a", "file:///etc/passwd", "gopher://example.org", "javascript:alert(1)", "example.org/a", "//example.org/a", "http://", "http:///a",
     "http://user@example.org/", "http://user:word@example.org/", "http://example.org:99999/", "http://example.org:0/", "http://exa mple.org/",
     "http://example.org/\r\nX: y", "http://example.org\\@10.0.0.1/", "http://[::1%25lo]/", "http://[", "http://" + "a" * 3000, "", "http://a..b/"],
)  # fmt: skip
def test_addresses_of_other_forms_are_refused(url):
    with pytest.raises(AddressRefused):
        parse_url(url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
     "169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
     "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
     "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2001:db8::1]", "localhost"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_addresses_that_are_not_public_are_refused_however_they_are_written(scheme, host):
    # The true resolver: it turns every way of writing a number into the address, and asks nobody about numbers.
    with pytest.raises(AddressRefused, match="not on the public internet"):
        fetch(f"{scheme}://{host}/")


def test_public_addresses_are_allowed():
    for address in ("8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        assert is_public(ipaddress.ip_address(address))


def test_one_private_address_among_public_ones_is_enough(server):
    mixed = Fetcher(resolver=lambda host, port: ["8.8.8.8", "192.168.0.1"])
    with pytest.raises(AddressRefused, match=r"example\.org is at 192\.168\.0\.1"):
        mixed.fetch("http://example.org/")


def test_the_connection_goes_to_the_address_that_was_checked(server):
    """A name that resolves to something else the second time is asked once a request, and what was checked is used."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) <= 2 else ["10.0.0.1"]

    server.pages["/a"] = html()
    one = Fetcher(resolver=rebinding, allow=lambda address: str(address) == "127.0.0.1")
    assert one.fetch(at(server, "/a")).content == PAGE
    assert len(asked) == 2  # robots.txt and the page
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        one.fetch(at(server, "/a"))


def test_redirects_are_followed_and_each_is_checked(server):
    server.pages["/a"] = (302, {"Location": "/b"}, b"")
    server.pages["/b"] = (301, {"Location": at(server, "/c", "other.example")}, b"")
    server.pages["/c"] = html()
    one = fetcher(server, hosts=("site.example", "other.example"), inside=("inside.example",))
    assert one.fetch(at(server, "/a")).url == at(server, "/c", "other.example")
    for place in (at(server, "/x", "inside.example"), "file:///etc/passwd", "http://u:p@site.example/", "http://10.0.0.1/"):
        server.pages["/d"] = (302, {"Location": place}, b"")
        with pytest.raises((AddressRefused, UnreadableFile)) as refusal:
            one.fetch(at(server, "/d"))
        assert isinstance(refusal.value, AddressRefused) or "10.0.0.1" in place
    server.pages["/e"] = (307, {}, b"")
    with pytest.raises(UnreadableFile, match="redirects to nowhere"):
        one.fetch(at(server, "/e"))


def test_at_most_five_redirects(server):
    for n in range(7):
        server.pages[f"/{n}"] = (302, {"Location": f"/{n + 1}"}, b"")
    server.pages["/7"] = html()
    assert fetcher(server).fetch(at(server, "/2")).content == PAGE
    with pytest.raises(AddressRefused, match="redirects more than 5 times"):
        fetcher(server).fetch(at(server, "/1"))


def test_robots_are_respected_on_every_host(server):
    server.pages["/robots.txt"] = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /private\n")
    server.pages["/private/a"] = html()
    server.pages["/open"] = (302, {"Location": "/private/a"}, b"")
    for path in ("/private/a", "/open"):
        with pytest.raises(AddressRefused, match=r"robots\.txt"):
            fetcher(server).fetch(at(server, path))
    assert "/private/a" not in [path for path, _ in server.seen]
    server.pages["/robots.txt"] = (503, {}, b"")
    with pytest.raises(UnreadableFile, match=r"status 503.*try again later"):
        fetcher(server).fetch(at(server, "/private/a"))


def test_too_much_is_refused_sent_or_unpacked(server):
    server.pages["/said"] = html(b"x" * 5_000)
    server.pages["/bomb"] = html(gzip.compress(b"x" * 10_000_000), **{"Content-Encoding": "gzip"})

    def unsaid(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(b"x" * 5_000)

    server.pages["/unsaid"] = unsaid
    for path, limit in (("/said", 4_999), ("/unsaid", 4_999), ("/bomb", 1_000_000)):
        with pytest.raises(UnreadableFile, match="is larger than"):
            fetcher(server, bytes=limit).fetch(at(server, path))
    assert len(fetcher(server).fetch(at(server, "/bomb")).content) == 10_000_000


def test_a_server_that_dribbles_or_hangs_is_left(server):
    def dribble(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    def endless_head(handler):
        for _ in range(100):
            handler.wfile.write(b"H")
            time.sleep(0.05)

    server.pages |= {"/slow": dribble, "/head": endless_head, "/silent": lambda handler: time.sleep(1.5)}
    with socket.create_server(("127.0.0.1", 0)) as mute:  # a TLS handshake that is never answered
        start = time.monotonic()
        with pytest.raises(UnreadableFile, match="cannot be reached"):
            fetcher(server, total_seconds=0.4).fetch(f"https://site.example:{mute.getsockname()[1]}/")
        assert time.monotonic() - start < 1.4
    for path, limits in (("/slow", {"total_seconds": 0.5}), ("/head", {"total_seconds": 0.5}), ("/silent", {"read_seconds": 0.3})):
        start = time.monotonic()
        with pytest.raises(UnreadableFile, match=r"took longer than 0\.5 s|could not be fetched"):
            fetcher(server, **limits).fetch(at(server, path))
        assert time.monotonic() - start < 1.4


def test_the_kind_of_content_is_checked(server):
    for path, media_type in (("/a.png", "image/png"), ("/a.exe", "application/octet-stream"), ("/a.zip", "application/zip"), ("/a", "video/mp4")):
        server.pages[path] = (200, {"Content-Type": media_type}, b"x")
        with pytest.raises(AddressRefused, match="which is not read; supported are Markdown"):
            fetcher(server).fetch(at(server, path))


def test_errors_of_servers_are_said(server):
    with pytest.raises(UnreadableFile, match="answered with status 404"):
        fetcher(server).fetch(at(server, "/none"))
    with pytest.raises(UnreadableFile, match=r"unknown\.example is not known"):
        fetcher(server).fetch("http://unknown.example/")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnreadableFile, match="cannot be reached"):
        fetcher(server).fetch(f"http://site.example:{port}/")

    def rubbish(handler):
        handler.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n")

    server.pages["/rubbish"] = rubbish
    with pytest.raises(UnreadableFile, match="could not be fetched"):
        fetcher(server).fetch(at(server, "/rubbish"))


def test_https_checks_the_certificate_for_the_name_and_sends_it(monkeypatch, tmp_path):
    """The address is connected to, the name is in SNI, and a certificate that nobody vouches for is refused."""
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, "site.example"))
    context.set_servername_callback(lambda sock, name, _: names.append(name))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.pages, running.seen = {"/a": html()}, []
        running.handle_error = lambda *_: None
        running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        port = running.server_address[1]
        one = fetcher(running, hosts=("site.example", "other.example"))
        with pytest.raises(UnreadableFile, match="SSL"):
            one.fetch(f"https://site.example:{port}/a")
        monkeypatch.setattr("certifi.where", lambda: str(tmp_path / "cert.pem"))
        assert one.fetch(f"https://site.example:{port}/a").content == PAGE
        with pytest.raises(UnreadableFile, match=r"SSL|Certificate"):
            one.fetch(f"https://other.example:{port}/a")
        running.shutdown()
    assert set(names) == {"site.example", "other.example"}


def certificate(folder, name):
    """Write a self-signed certificate and its key."""
    import subprocess

    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run([*command, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return cert, key
