"""A small world whose answers are obvious: a dozen short documents, names, and a hash embedder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from qa.assistant import Assistant
from qa.embedding import Encoded
from qa.index import Snapshot
from qa.settings import load_settings

SOURCE = '[^s]: Example Press, "Report on {title}", {date}. https://example.org/{id}'
FRONT = """---
id: {id}
title: {title}
language: {language}
topic: {topic}
entities: [{entities}]
as_of: {as_of}
translation_of: null
---
"""

DOCUMENTS: dict[str, tuple[str, str, str, str, str, str]] = {
    # id: (title, language, topic, entities, as_of, body)
    "deepseek-r1": (
        "DeepSeek and its reasoning model R1", "en", "models", "DeepSeek", "2025-09-17",
        """## The company
DeepSeek was founded in Hangzhou in July 2023 by Liang Wenfeng.[^s] Liang Wenfeng also runs the hedge fund High-Flyer.[^s]

## The model
DeepSeek released the reasoning model R1 on 20 January 2025 under the MIT licence.[^s] The last training stage of R1 cost DeepSeek USD 294,000, according to Nature.[^s]
""",
    ),
    "mmlu-gap": (
        "The MMLU gap between American and Chinese models", "en", "performance", "MMLU", "2025-04-07",
        """## Near parity
The gap between American and Chinese models on the MMLU benchmark shrank from 17.5 percentage points in 2023 to 0.3 percentage points in 2024.[^s] On HumanEval the gap fell from 31.6 to 3.7 percentage points in the same time.[^s]
""",
    ),
    "manus-agent": (
        "Manus, the general AI agent", "en", "agents", "Manus, Monica", "2025-12-31",
        """## Maker
The AI agent Manus is made by the start-up Monica, whose company is called Butterfly Effect.[^s]

## Demonstrations
Manus wrote a travel handbook for a trip to Japan and analysed the shares of Tesla.[^s]
""",
    ),
    "qwq-32b": (
        "QwQ-32B, the reasoning model of Alibaba", "en", "models", "Alibaba, QwQ-32B", "2025-03-06",
        """## Release
Alibaba released the reasoning model QwQ-32B on 6 March 2025.[^s] QwQ-32B has 32 billion parameters, a twentieth of what DeepSeek R1 has.[^s]
""",
    ),
    "ernie-x1": (
        "ERNIE 4.5 and ERNIE X1 of Baidu", "en", "models", "Baidu, ERNIE X1", "2025-03-16",
        """## Release
Baidu released ERNIE 4.5 and ERNIE X1 on 16 March 2025.[^s] Baidu offers ERNIE X1 at half the price of DeepSeek R1.[^s]
""",
    ),
    "hunyuan-turbo-s": (
        "Hunyuan Turbo S of Tencent", "en", "models", "Tencent, Hunyuan Turbo S", "2025-02-27",
        """## Release
Tencent presented the fast model Hunyuan Turbo S on 27 February 2025.[^s] Hunyuan Turbo S answers within one second, according to Tencent.[^s]
""",
    ),
    "ai-patents": (
        "Patents on artificial intelligence", "en", "research", "WIPO", "2024-07-03",
        """## Generative AI
Inventors in China filed 38,210 patents on generative AI between 2014 and 2023, according to WIPO.[^s] The United States followed with 6,276 generative AI patents in the same ten years.[^s]
""",
    ),
    "chip-sales": (
        "Export controls on the H20 chip", "en", "export-controls", "Nvidia, H20", "2025-07-15",
        """## The ban of April 2025
The United States stopped sales of the H20 chip to China in April 2025.[^s] Nvidia wrote off USD 4.5 billion because of the H20 ban.[^s]
""",
    ),
    "revenue-first": (
        "Revenue of the cloud market, first count", "en", "market", "Alibaba Cloud", "2024-12-31",
        """## Count
The Chinese cloud market had a revenue of 40 billion US dollars in 2024, according to the first count.[^s]
""",
    ),
    "revenue-second": (
        "Revenue of the cloud market, second count", "en", "market", "Alibaba Cloud", "2025-06-30",
        """## Count
The Chinese cloud market had a revenue of 46 billion US dollars in 2024, according to the second count.[^s]
""",
    ),
    "market-zh": (
        "人工智能市场规模预测", "zh", "market", "赛迪", "2025-04-30",
        """## 预测
到2028年，中国人工智能产业规模预计将达到8110亿元。[^s] 2024年中国人工智能企业数量超过4500家。[^s]
""",
    ),
    "tencent-zh": (
        "腾讯混元模型", "zh", "models", "腾讯", "2025-02-28",
        """## 发布
腾讯于2025年2月27日发布快思考模型混元Turbo S。[^s]
""",
    ),
}  # fmt: skip

GLOSSARY = """en,zh,aliases,kind
DeepSeek,深度求索,,company
DeepSeek R1,,R1|DeepSeek-R1,model
Alibaba,阿里巴巴,,company
Baidu,百度,,company
Tencent,腾讯,,company
ERNIE X1,文心X1,,model
QwQ-32B,,,model
Hunyuan Turbo S,混元Turbo S,,model
Manus,,,product
MMLU,,,benchmark
China,中国,,place
United States,美国,US|USA|America|American,place
artificial intelligence,人工智能,AI,term
"""

CASES = (
    # question, document that answers, text that the answer must hold
    ("Who founded DeepSeek in Hangzhou?", "deepseek-r1", "Liang Wenfeng"),
    ("How small is the MMLU gap between American and Chinese models?", "mmlu-gap", "0.3 percentage points"),
    ("When did Alibaba release QwQ-32B?", "qwq-32b", "6 March 2025"),
    ("When did Tencent present Hunyuan Turbo S?", "hunyuan-turbo-s", "27 February 2025"),
    ("How many patents on generative AI did inventors in China file?", "ai-patents", "38,210"),
    ("2028年中国人工智能产业规模预计达到多少？", "market-zh", "8110亿元"),
)


def markdown(document_id: str) -> str:
    """Return the corpus file of a sample document."""
    title, language, topic, entities, as_of, body = DOCUMENTS[document_id]
    front = FRONT.format(id=document_id, title=f'"{title}"', language=language, topic=topic, entities=entities, as_of=as_of)
    return f"{front}{body}\n{SOURCE.format(title=title, date=as_of, id=document_id)}\n"


def write_corpus(folder: Path) -> Path:
    """Write the sample corpus into a folder."""
    for document_id, (_, language, *_rest) in DOCUMENTS.items():
        path = folder / language / f"{document_id}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(markdown(document_id), encoding="utf-8")
    (folder / "glossary.csv").write_text(GLOSSARY, encoding="utf-8")
    return folder


def open_hash(corpus: Path, index: Path) -> Assistant:
    """Open the sample corpus and its index with the hash embedder."""
    settings = load_settings(corpus=corpus, index=index)
    return Assistant(settings, Snapshot.load(index), HashEmbedder())


def valid_document(document_id: str = "good", sentences: int = 22, start: int = 0) -> str:
    """Return a corpus file that breaks no rule: long enough, every sentence with its footnote."""
    front = FRONT.format(id=document_id, title="A good document", language="en", topic="chips", entities="", as_of="2025-03-01")
    words = ["Factory", "Harbour", "Village", "Orchard", "Station", "Library", "Theatre"]
    lines = [
        f"{words[n % 7]} number {n + start} in district {document_id} built {n * 7 + start} machines of type {chr(97 + n % 26)}{n + start} "
        f"during the long winter of 2024.[^s]"
        for n in range(sentences)
    ]
    source = '[^s]: Example Press, "Machines", 2025-03-01. https://example.org/machines'
    return f"{front}## Machines\n{' '.join(lines)}\n\n{source}\n"


class HashEmbedder:
    """An ``Embedder`` whose vectors come from SHA-256 of lower-cased words; it cannot read ideographs."""

    def __init__(self, dim: int = 48, token_dim: int = 32, salt: str = "") -> None:
        self._dim, self._token_dim, self._salt = dim, token_dim, salt
        self.encoded: list[str] = []

    @property
    def identity(self) -> str:
        return f"hash{self._salt}@{self._dim}"

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def token_dim(self) -> int:
        return self._token_dim

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(_words(t)) for t in texts]

    def unknown_share(self, text: str) -> float:
        words = _words(text)
        return sum(not text[a:b].isascii() for a, b in words) / len(words) if words else 1.0

    def encode(self, texts: Sequence[str]) -> Iterator[Encoded]:
        for text in texts:
            self.encoded.append(text)
            spans = _words(text)
            hidden = self._vectors([text[a:b].lower() for a, b in spans], self._dim)
            tokens = self._vectors([text[a:b].lower() for a, b in spans], self._token_dim)
            total = hidden.sum(axis=0) if len(hidden) else np.eye(1, self._dim, dtype=np.float32)[0]
            pooled = (total / np.linalg.norm(total)).astype(np.float32)
            yield Encoded(pooled, hidden, tokens, np.asarray(spans, dtype=np.int32).reshape(-1, 2))

    def _vectors(self, words: Sequence[str], dim: int) -> np.ndarray:
        rows = np.zeros((len(words), dim), dtype=np.float32)
        for row, word in enumerate(words):
            seed = int.from_bytes(hashlib.sha256(f"{self._salt}{dim}{word}".encode()).digest()[:8], "big")
            vector = np.random.default_rng(seed).standard_normal(dim)
            rows[row] = vector / np.linalg.norm(vector)
        return rows


def _words(text: str) -> list[tuple[int, int]]:
    return [m.span() for m in re.finditer(r"[㐀-鿿]|[^\W㐀-鿿]+", text)]
