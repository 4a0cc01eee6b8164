"""Encode passages in several processes, or on the machines of a Ray cluster.

A build hands over what is to be encoded in windows and gets the encodings back in their order (``Encoder``). What travels is
text one way and packed encodings the other, some 15 kB a passage. Each worker opens the model for itself, with one thread.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from qa.embedding import Embedder, open_embedder
from qa.errors import MissingExtra, WorkersUnreachable
from qa.index.encodings import Encoder, Encoding, Task, encode

Factory = Callable[[], Embedder]

BATCH = 32  # passages of one message between processes
RAY_BATCH = 64
WORKERS_WINDOW = 2048  # passages handed over at once: enough to keep eight processes busy
RAY_WINDOW = 65_536  # starting a model on every machine takes seconds, so a cluster gets many at once; 1 GB comes back

_embedder: Embedder | None = None


class ProcessEncoder:
    """Encodes in processes of this machine.

    >>> with ProcessEncoder(functools.partial(open_embedder, "all-MiniLM-L6-v2", 1), 4) as encoder:   # doctest: +SKIP
    ...     build_index(corpus, folder, embedder, 200, encoder=encoder, window=WORKERS_WINDOW)
    """

    def __init__(self, factory: Factory, workers: int) -> None:
        """Start the processes.

        Args:
            factory: opens the model; called once in each.
            workers: how many.
        """
        self._pool = multiprocessing.get_context("spawn").Pool(workers, _open, (factory,))

    def __call__(self, tasks: Sequence[Task]) -> Iterator[Encoding]:
        """Encode tasks; yields one result for each, in order."""
        for batch in self._pool.imap(_encode, [tasks[i : i + BATCH] for i in range(0, len(tasks), BATCH)]):
            yield from batch

    def __enter__(self) -> ProcessEncoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the processes."""
        self._pool.terminate()
        self._pool.join()


@contextlib.contextmanager
def open_workers(model: str, workers: int, address: str) -> Iterator[tuple[Encoder | None, int | None]]:
    """Give what encodes a build's passages, and how many it is to be given at once; None for both in this process.

    Args:
        model: name or folder of the model.
        workers: processes, or processors of a cluster.
        address: of a Ray cluster; "" for processes of this machine.

    Raises:
        MissingExtra, WorkersUnreachable: see ``RayEncoder``.
    """
    factory = functools.partial(open_embedder, model, 1)
    if address:
        yield RayEncoder(factory, address, max(1, workers)), RAY_WINDOW
    elif workers > 1:
        with ProcessEncoder(factory, workers) as encoder:
            yield encoder, WORKERS_WINDOW
    else:
        yield None, None


def _open(factory: Factory) -> None:
    global _embedder
    _embedder = factory()


def _encode(tasks: Sequence[Task]) -> list[Encoding]:
    assert _embedder is not None
    return list(encode(_embedder, tasks))


class RayEncoder:
    """Encodes on a Ray cluster, by Ray Data; this package must be installed on its machines."""

    def __init__(self, factory: Factory, address: str, workers: int) -> None:
        """Connect to a cluster.

        Args:
            factory: opens the model; called once by each worker.
            address: "host:6379", "ray://host:10001", or "auto" for the one that this machine belongs to.
            workers: how many, each on one processor.

        Raises:
            MissingExtra: the extra "ray" is not installed.
            WorkersUnreachable: no cluster answers there.
        """
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise MissingExtra('a Ray cluster needs the package ray; run: pip install "china-ai-qa[ray]"') from error
        try:
            if not ray.is_initialized():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            why = " ".join(str(error).split())[:200]
            raise WorkersUnreachable(f"no Ray cluster at {address} ({why}); start one with: ray start --head") from error
        self._data, self._factory, self._workers = ray.data, factory, workers
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True

    def __call__(self, tasks: Sequence[Task]) -> Iterator[Encoding]:
        """Encode tasks; yields one result for each, in order."""
        if not tasks:
            return
        rows = [{"text": t.text, "prefix": t.prefix, "start": t.start, "sentences": list(t.sentences)} for t in tasks]
        blocks = max(1, min(len(rows) // RAY_BATCH, 4 * self._workers))
        encoded = self._data.from_items(rows, override_num_blocks=blocks).map_batches(
            _RayWorker, fn_constructor_args=(self._factory,), batch_size=RAY_BATCH, concurrency=(1, self._workers), num_cpus=1
        )
        for row in encoded.iter_rows():
            yield _unpack(row)


class _RayWorker:
    """Lives in a process of the cluster."""

    def __init__(self, factory: Factory) -> None:
        self._embedder = factory()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        columns = (batch["text"], batch["prefix"], batch["start"], batch["sentences"])
        tasks = [Task(str(t), int(p), int(s), tuple(int(x) for x in starts)) for t, p, s, starts in zip(*columns, strict=True)]
        found = list(encode(self._embedder, tasks))
        return {
            "vector": [e.vector.tobytes() for e in found],
            "sentences": [e.sentences.tobytes() for e in found],
            "tokens": [e.tokens.tobytes() for e in found],
            "owners": [e.owners.tobytes() for e in found],
            "width": [e.tokens.shape[1] for e in found],
        }


def _unpack(row: dict[str, Any]) -> Encoding:
    vector = np.frombuffer(row["vector"], dtype=np.float32)
    return Encoding(
        vector,
        np.frombuffer(row["sentences"], dtype=np.float16).reshape(-1, len(vector)),
        np.frombuffer(row["tokens"], dtype=np.int8).reshape(-1, int(row["width"])),
        np.frombuffer(row["owners"], dtype=np.uint16),
    )
