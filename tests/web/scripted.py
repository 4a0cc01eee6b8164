"""A scripted assistant over three small documents, one of them hostile: it answers by keyword, at once."""

from __future__ import annotations

import hashlib
import struct
import tempfile
import threading
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

from qa.answering.answer import Answer, Citation, Comparison, Conflict, ConflictValue, Sentence, Side
from qa.answering.question import check_question
from qa.documents.corpus import Series
from qa.documents.markdown import parse_markdown
from qa.documents.model import Document, Origin, Page, Section, Source
from qa.errors import LibraryProblem, UnknownDocument, UnreadableFile
from qa.library.results import Added, Collection
from qa.retrieval.hits import Hit
from qa.text.glossary import Entry, Glossary

USERS = """---
id: users
title: Users of generative AI
language: en
topic: market
entities: [CNNIC]
as_of: 2025-12-31
translation_of: null
---
## The count
China had 249 million users in December 2024, CNNIC said.[^a] In June 2025 CNNIC counted 515 million users.[^a] In December 2025
there were 602 million users.[^b]

[^a]: Xinhua, "Users double", 2025-10-18. https://news.example/users
[^b]: People's Daily, "Users top 600 million", 2026-03-03. https://daily.example/users
""".replace("December 2025\nthere", "December 2025 there")
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamte"
HOSTILE = f"""---
id: hostile
title: '<img src=x onerror="window.hacked=1"> ${{window.hacked=2}} {{{{window.hacked=3}}}}'
language: en
topic: models
entities: ['<b>bold</b>']
as_of: 2026-01-02
translation_of: null
---
## <script>window.hacked=4</script>
Hostile text <script>window.hacked=5</script> `${{window.hacked=6}}` \
![x](http://evil.example/x.png) [y](javascript:window.hacked=7) of 2026.[^a] \
{LONG_WORD}{LONG_WORD} مرحبا بالعالم {"🎉" * 80}.[^a]

[^a]: <i>Pub</i>, "<svg onload=window.hacked=8>", 2026-01-01. https://evil.example/a"onmouseover="window.hacked=9
"""
CHINESE = """---
id: deepseek-zh
title: 深度求索概况
language: zh
topic: models
entities: [深度求索]
as_of: 2026-06-16
translation_of: null
---
## 创始人
深度求索由梁文锋于2023年创立。[^a]

[^a]: Wikipedia, "Liang Wenfeng", n.d. https://wiki.example/liang
"""


SLOW_S = 0.5
"""How long a question with the word "slow" takes."""


class ScriptedAssistant:
    """Answers by keyword, quoting real sentences of three small documents."""

    def __init__(self, settings):
        self.settings = settings
        read = [
            parse_markdown(raw, name) for raw, name in ((USERS, "en/users.md"), (HOSTILE, "en/hostile.md"), (CHINESE, "zh/d.md"))
        ]
        self._documents = {d.id: d for d in read}
        passages = [SimpleNamespace(document_id=d.id) for d in read]
        manifest = SimpleNamespace(
            model="scripted", documents=3, passages=3, sentences=6, built="2026-01-01T00:00:00", seconds=1.0
        )
        glossary = Glossary([Entry("CNNIC", "", (), "agency"), Entry("DeepSeek", "深度求索", (), "company")])
        self.snapshot = SimpleNamespace(manifest=manifest, generation="generation-test", passages=passages, glossary=glossary)
        source = Source(publisher="Tester", title="Numbers", date="2025", url="https://numbers.example")
        points = (("2023", 1.0), ("2024", 2.0), ("2025", 4.0))
        shares = (("Alpha", 60.0), ("Beta", 40.0))
        series = (
            Series("one", "Private money", "billion yuan", points, (source,), title_zh="私人投资"),
            Series("two", "Market shares", "percent", shares, (source,), dated=False),
        )
        self.corpus = SimpleNamespace(series=series)
        self._originals = Path(tempfile.mkdtemp(prefix="scripted-"))
        self._changing = threading.Lock()
        self.held = threading.Event()  # cleared, it keeps uploads waiting
        self.held.set()
        self.entered = threading.Event()
        self.paths = []

    @property
    def documents(self):
        return tuple(self._documents.values())

    # The library: a text file is kept as it is, a "PDF" has a page a line

    def add(self, sources, *, names=None, collection="library", title=None, language=None, date=None, progress=None):
        self.entered.set()
        self.held.wait(10)
        results = []
        for n, source in enumerate(sources):
            name = names[n] if names else str(source)
            self.paths.append(source)
            if progress:
                progress(n, len(sources), name)
            content = b"From the web. It says little." if "://" in str(source) else Path(source).read_bytes()
            results.append(self._take(name, content, collection, str(source)))
        if progress:
            progress(len(sources), len(sources), "")
        return results

    def _take(self, name, content, collection, source):
        with self._changing:
            text = content.decode("utf-8", "replace")
            if "unreadable" in text:
                return Added(source=name, status="refused", message=f"{name}: holds no text; add a file that does")
            digest = hashlib.sha256(content).hexdigest()
            key = f"{collection}/{hashlib.sha256(name.encode()).hexdigest()[:8]}"
            before = self._documents.get(key)
            twin = next((d for d in self._documents.values() if d.origin and d.origin.digest == digest), None)
            if before is not None and before.origin.digest == digest:
                return Added(source=name, status="unchanged", document_id=key)
            if twin is not None:
                return Added(source=name, status="duplicate", document_id=twin.id)
            spans, at = [], 0
            for line in text.splitlines(keepends=True):
                spans.append((at, at + len(line)))
                at += len(line)
            pdf = name.endswith(".pdf")
            pages = tuple(Page(number=n, start=a, end=b) for n, (a, b) in enumerate(spans, 1)) if pdf else ()
            kind = "application/pdf" if pdf else "text/plain"
            url = source if "://" in source else ""
            self._documents[key] = Document(
                id=key, title=text.splitlines()[0][:80], language="en", topic="", as_of="", text=text, collection=collection, pages=pages,
                sections=tuple(Section(heading="", start=a, end=b) for a, b in spans),
                origin=Origin(name=name, media_type=kind, digest=digest, added="2026-11-01T10:00:00+00:00", url=url),
            )  # fmt: skip
            (self._originals / key.replace("/", "-")).write_bytes(content)
            self._count()
            status = "updated" if before is not None else "added"
            return Added(source=name, status=status, document_id=key, title=self._documents[key].title, passages=len(spans))

    def _count(self):
        self.snapshot.passages = [SimpleNamespace(document_id=d.id) for d in self.documents]

    def remove(self, ids):
        for one in ids:
            if self.document(one).collection == "corpus":
                raise LibraryProblem(f"{one} belongs to the corpus, which stays as it is")
        for one in ids:
            self.original(one).unlink()
            del self._documents[one]
        self._count()
        return list(ids)

    def collections(self):
        names = sorted({d.collection for d in self.documents})
        return tuple(
            Collection(
                name=name, documents=sum(d.collection == name for d in self.documents), passages=1,
                bytes=sum(self.original(d.id).stat().st_size for d in self.documents if d.collection == name and d.origin),
            )
            for name in names
        )  # fmt: skip

    def sizes(self):
        return {d.id: self.original(d.id).stat().st_size for d in self.documents if d.origin}

    def original(self, document_id):
        self.document(document_id)
        return self._originals / document_id.replace("/", "-")

    def page_image(self, document_id, page, width=900):
        if not self.document(document_id).pages:
            raise UnreadableFile(f"{document_id} has no pages")
        return png(width, width * 7 // 5, 255 - 20 * page)

    def reload(self):
        pass

    def document(self, document_id):
        try:
            return self._documents[document_id]
        except KeyError:
            raise UnknownDocument(f"no document {document_id!r}") from None

    def ask(self, question, *, history=(), filters=None):
        question = check_question(question, self.settings.max_question_chars)
        if "slow" in question:
            time.sleep(SLOW_S)
        if "crash" in question:
            raise RuntimeError("scripted failure")
        if "hostile" in question.lower() or "<" in question:
            chosen, kind = self._quotes("hostile", 1), "general"
        elif "develop" in question or "it" in question.split():
            chosen, kind = self._quotes("users", 3), "change"
        elif "own" in question.split():
            own = next(d for d in self.documents if d.origin)
            chosen, kind = self._quotes(own.id, len(own.sentences))[-1:], "general"
        elif "Compare" in question:
            chosen, kind = self._quotes("users", 3), "comparison"
        elif "World Cup" in question:
            chosen, kind = [], "entity"
        elif any("\u4e00" <= c <= "\u9fff" for c in question):
            chosen, kind = self._quotes("deepseek-zh", 1), "entity"
        else:
            chosen, kind = self._quotes("users", 1), "number"
        zh = any("\u4e00" <= c <= "\u9fff" for c in question)
        standalone = question.replace(" it ", " the number of users ") if history else question
        conflicts = ()
        if "disagree" in question:
            values = (
                ConflictValue(value="249 million", unit="users", date="2024-12", citation=1),
                ConflictValue(value="602 million", unit="users", date="2025-12", citation=1, note="newer"),
            )
            conflicts = (Conflict(what="users", values=values),)
        comparison = None
        if kind == "comparison":
            sides = (
                Side(name="2024", value="249 million", date="2024-12", citation=1),
                Side(name="2025", value="602 million", date="2025-12", citation=3),
            )
            computed = "Computed from [1] and [3]: a difference of 353 million (2.4 times)."
            comparison = Comparison(sides=sides, difference=353e6, computed=computed)
        return Answer(
            question=question,
            standalone_question=standalone,
            text=" ".join(f"{c.quote} [{c.number}]" for c in chosen) or "The corpus does not answer this.",
            sentences=tuple(
                Sentence(
                    text=c.quote, citations=(c.number,), support="supported", marks=_figures(c.quote),
                    superseded_by=3 if kind == "comparison" and c.number == 1 else None,
                )
                for c in chosen
            ),
            citations=tuple(chosen),
            hits=tuple(self._hit(d) for d in self.documents),
            abstained=not chosen,
            missing=() if chosen else ("World Cup",),
            conflicts=conflicts,
            comparison=comparison,
            confidence=0.8 if chosen else 0.1,
            language="zh" if zh else "en",
            mode="extractive",
            kind=kind,
            timings_ms={"retrieve": 12.0, "compose": 3.0, "total": 15.0},
        )

    def _quotes(self, document_id, count):
        d = self._documents[document_id]
        return [
            Citation(
                number=n, quote=d.text[a:b], document_id=d.id, title=d.title, section=d.sections[0].heading, start=a, end=b,
                as_of=d.as_of, sources=d.sources_of(a, b), score=0.8, collection=d.collection,
                origin=(d.origin.url or d.origin.name) if d.origin else "", page=d.page_at(a),
            )
            for n, (a, b) in enumerate(d.sentences[:count], 1)
        ]  # fmt: skip

    def _hit(self, d):
        section = d.sections[0]
        return Hit(
            rank=1, passage_id=f"{d.id}:0", document_id=d.id, title=d.title, section=section.heading, language=d.language,
            start=section.start, end=section.end, text=d.text[section.start : section.end], as_of=d.as_of, score=0.5,
            signals={"dense": 0.5, "lexical": 7.0},
        )  # fmt: skip


def png(width, height, grey):
    """Make a plain picture."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([grey]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _figures(text):
    at = text.find("million")
    return ((at - 4, at + 7),) if at > 4 else ()


def ask(page, question):
    """Ask in the browser, wait for the whole answer and return its turn."""
    before = page.locator(".q-turn").count()
    page.fill("#q-question", question)
    page.press("#q-question", "Enter")
    page.wait_for_function(f"document.querySelectorAll('.q-turn:not([aria-busy]) .q-tools').length > {before}")
    return page.locator(".q-turn").last
