"""The accelerated form of a model: one ONNX file with int8 weights, made here once and cached.

Reading it takes a tenth of a second and neither torch nor transformers. A file holds the graph, the
tokenizer, and a check: the vectors of one sentence in full precision. A processor whose int8
products are not exact (older ones saturate) fails the check and gets the same graph in float32.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import platformdirs
from numpy.typing import NDArray
from safetensors import safe_open
from tokenizers import Encoding

from qa.embedding.head import Head
from qa.embedding.model import EMBEDDED, MAX_LENGTH, TOKEN_HEAD, Encoded, embedded_model_folder, model_identity
from qa.embedding.words import Words, extended, own_tokens
from qa.errors import ModelUnavailable

log = logging.getLogger(__name__)

FORM = 1  # raise it whenever the graph or what is kept with it changes
PRECISIONS = ("int8", "fp32")  # in the order of preference
CHECK = "The laboratory, founded in 2023, released the weights of a language model with 671 billion parameters under an open licence."
CLOSE = 0.98
"""Least cosine between a vector in full precision and its int8 form. The embedded model has about 0.995; int8
products that saturate, or a model with values too uneven for int8, stay below."""
LARGEST = 400_000_000  # parameters; the graph is checked in float32, and a serialised one holds less than 2 GB
WINDOW = 256  # texts that are read into tokens together


class AccelerationUnavailable(ModelUnavailable):
    """A model has no accelerated form here; the message says why."""


class OnnxEmbedder:
    """A model by its accelerated form."""

    def __init__(self, model: str = EMBEDDED, threads: int = 2, *, head: Path = TOKEN_HEAD, cache: Path | None = None) -> None:
        """Open the accelerated form of a model, making it first where there is none.

        Args:
            model: "all-MiniLM-L6-v2" for the embedded one, else the name or folder of a sentence-transformers model.
            threads: texts encoded at a time, each on one thread. Two threads on one text only wait for each other.
            head: the token head of the embedded model; need not exist.
            cache: folder of the accelerated forms; one in the user's cache folder where None.

        Raises:
            AccelerationUnavailable: the form cannot be made.
            ModelUnavailable: the model cannot be loaded or has the wrong weights.
        """
        self._threads = threads
        self._identity = model_identity(model, head)
        path = (cache or cache_folder()) / _file_name(model, self._identity)
        for precision in PRECISIONS:
            self._session = _open_or_make(path.with_name(f"{path.name}-{precision}.onnx"), precision, model, head)
            about = self._session.get_modelmeta().custom_metadata_map
            self._vectors = json.loads(about["check"])
            if self._is_close():
                break
        else:
            raise AccelerationUnavailable("this processor does not compute it with enough precision")
        self.precision = precision
        self._words = Words(about["tokenizer"], int(about["max_length"]))
        self._dim, self._token_dim = len(self._vectors["pooled"]), len(self._vectors["token"])

    @property
    def identity(self) -> str:
        """Name and digest of everything that shapes the vectors, but for the precision of the arithmetic."""
        return self._identity

    @property
    def dim(self) -> int:
        """Length of a pooled vector."""
        return self._dim

    @property
    def token_dim(self) -> int:
        """Length of a token vector."""
        return self._token_dim

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""
        return self._words.count(texts)

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know, 0 to 1."""
        return self._words.unknown_share(text)

    def encode(self, texts: Sequence[str]) -> Iterator[Encoded]:
        """Encode texts; yields one result for each, in order.

        Texts longer than the model reads are cut at its limit.
        """
        if len(texts) < 2 or self._threads < 2:
            for begin in range(0, len(texts), WINDOW):
                yield from map(self._encode, self._words.read(texts[begin : begin + WINDOW]))
            return
        waiting: deque[Future[Encoded]] = deque()
        with ThreadPoolExecutor(self._threads, "encode") as pool:
            try:
                for begin in range(0, len(texts), WINDOW):
                    for encoding in self._words.read(texts[begin : begin + WINDOW]):
                        waiting.append(pool.submit(self._encode, encoding))
                        # Enough that no thread waits while the next window is read into tokens.
                        if len(waiting) > 16 * self._threads:
                            yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:  # the caller may stop early
                for future in waiting:
                    future.cancel()

    def _encode(self, encoding: Encoding) -> Encoded:
        pooled, hidden, tokens = self._session.run(None, {"ids": np.asarray([encoding.ids])})
        own, offsets = own_tokens(encoding)
        return Encoded(pooled, hidden[own], tokens[own], offsets)

    def _is_close(self) -> bool:
        pooled, _, tokens = self._session.run(None, {"ids": np.asarray([self._vectors["ids"]])})
        return bool(pooled @ np.asarray(self._vectors["pooled"]) > CLOSE and tokens[1] @ np.asarray(self._vectors["token"]) > CLOSE)


def cache_folder() -> Path:
    """Return the folder of the accelerated forms."""
    return Path(platformdirs.user_cache_dir("qa", appauthor=False)) / "models"


def _file_name(model: str, identity: str) -> str:
    """Name a form by everything that it is made of."""
    state = hashlib.sha256(f"{FORM} {identity}".encode())
    if model != EMBEDDED:
        folder = _local_folder(model)
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".safetensors", ".bin"):  # hundreds of megabytes: their digest would take too long
                about = path.stat()
                state.update(f"{path.name} {about.st_size} {about.st_mtime_ns}".encode())
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).name)
    return f"{stem}-{state.hexdigest()[:16]}"


def _local_folder(model: str) -> Path:
    """Return where a model's files are.

    Raises:
        AccelerationUnavailable: nowhere on this machine.
    """
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (OSError, ValueError) as error:  # not there; not a name
        raise AccelerationUnavailable("its files are not on this machine yet; the next start finds them") from error


def _open_or_make(path: Path, precision: str, model: str, head: Path) -> Any:
    """Return a session of the form; writes the file where there is none."""
    states = _runtime().capi.onnxruntime_pybind11_state
    if path.exists():
        try:
            return _session(str(path))
        except (states.InvalidProtobuf, states.InvalidGraph, states.InvalidArgument, states.Fail) as error:
            log.warning("%s is damaged (%s) and made anew", path, error)
    content = _make(model, head, precision)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
    except OSError as error:
        log.warning("%s cannot be written (%s): the model is made ready again at every start", path, error.strerror)
    return _session(content)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise AccelerationUnavailable(f"ONNX Runtime cannot be imported ({error}); run: pip install onnxruntime") from error
    return onnxruntime


def _session(model: str | bytes) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    # The graph is fused as it should be. Fusing an addition with the normalisation after it would slow both.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _make(model: str, head_file: Path, precision: str) -> bytes:
    try:
        from qa.embedding import graph
    except ImportError as error:
        raise AccelerationUnavailable(f"the library onnx cannot be imported ({error}); run: pip install onnx") from error
    if model == EMBEDDED:
        encoder, tokenizer, max_length = _embedded()
        head = Head.load(head_file) if head_file.exists() else None
    else:
        encoder, tokenizer, max_length = _loaded(model)
        head = None
    if sum(w.size for layer in encoder.layers for w in layer.values()) + encoder.words.size > LARGEST:
        raise AccelerationUnavailable("it is too large for one file")
    tokenizer = extended(tokenizer, head.extra if head else "")
    ids = Words(tokenizer, max_length).read([CHECK])[0].ids
    full = graph.build(encoder, head, "fp32", {})
    pooled, _, tokens = _session(full).run(None, {"ids": np.asarray([ids])})
    check = {"ids": ids, "pooled": pooled.tolist(), "token": tokens[1].tolist()}
    about = {"tokenizer": tokenizer, "max_length": str(max_length), "check": json.dumps(check)}
    return graph.build(encoder, head, "int8" if precision == "int8" else "fp32", about)


def _embedded() -> tuple[Any, str, int]:
    """Return the embedded model's weights, tokenizer and limit; its weights are checked."""
    from qa.embedding.graph import Encoder

    folder = embedded_model_folder()
    with safe_open(str(folder / "model.safetensors"), framework="np") as file:
        names = [name for name in file.keys() if not name.endswith("position_ids")]  # noqa: SIM118
        tensors = {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in names}
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Encoder.of(tensors, config, "mean"), (folder / "tokenizer.json").read_text(encoding="utf-8"), MAX_LENGTH


def _loaded(model: str) -> tuple[Any, str, int]:
    """Return weights, tokenizer and limit of any model, loaded by sentence-transformers.

    Raises:
        AccelerationUnavailable: the model is of another kind than the graph.
    """
    from qa.embedding.graph import GELU, Encoder
    from qa.embedding.plain import load, max_length

    loaded = load(model)
    bert = loaded[0].auto_model
    config = bert.config.to_dict()
    kinds = [type(module).__name__ for module in loaded]
    mode = getattr(loaded[1], "pooling_mode", None) if len(kinds) > 1 else None
    reasons: list[tuple[bool, Callable[[], str]]] = [
        (config["model_type"] in ("bert", "roberta", "xlm-roberta"), lambda: f"its architecture is {config['model_type']}"),
        (config.get("position_embedding_type", "absolute") == "absolute", lambda: "its positions are relative"),
        (config.get("hidden_act") in GELU, lambda: f"its activation is {config.get('hidden_act')}"),
        (kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]), lambda: f"it is built of {', '.join(kinds)}"),
        (mode in ("mean", "cls"), lambda: f"its pooling is {mode}"),
        (hasattr(loaded.tokenizer, "backend_tokenizer"), lambda: "its tokenizer is not a fast one"),
    ]
    for holds, reason in reasons:
        if not holds:
            raise AccelerationUnavailable(f"{reason()}, which only sentence-transformers computes")
    tensors: dict[str, NDArray[np.float32]] = {n: t.float().numpy() for n, t in bert.state_dict().items() if t.is_floating_point()}
    pooling: Literal["mean", "cls"] = "mean" if mode == "mean" else "cls"
    return Encoder.of(tensors, config, pooling), loaded.tokenizer.backend_tokenizer.to_str(), max_length(loaded)
