"""How much of the index's files this process holds in memory, and what the system should read ahead.

A mapped page counts as the memory of the process that has touched it, with the fifteen next to it. Small indexes are mapped and
stay so. In large ones rows are read (``qa.index.files``), and pages of what is mapped are given back.
"""

from __future__ import annotations

import itertools
import mmap
import os
import weakref
from pathlib import Path

RELEASED = 1 << 20  # bytes of a file whose pages are worth giving back
_PARTS = 8
_STATM = Path("/proc/self/statm")
_mapped: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
_next = itertools.cycle(range(_PARTS))


def register(mapped: mmap.mmap) -> None:
    """Let the pages of a mapped file be given back when there are too many, if it is worth it."""
    if len(mapped) >= RELEASED:
        _mapped.add(mapped)


def release(limit: int) -> bool:
    """Give pages of mapped files back to the system if this process holds more than some bytes of memory, those pages included.

    An eighth of each file goes at a time. The system keeps what it has memory for: a page that is needed again is found there,
    at some microseconds for sixteen. Readers in other threads are not disturbed. Tells whether anything was given
    back; where the system does not say what a process holds, nothing is.
    """
    try:
        resident = int(_STATM.read_bytes().split()[1]) * mmap.PAGESIZE
    except FileNotFoundError:
        return False
    if resident <= limit:
        return False
    part = next(_next)
    for mapped in list(_mapped):
        size = -(-len(mapped) // (_PARTS * mmap.PAGESIZE)) * mmap.PAGESIZE
        if part * size < len(mapped):
            mapped.madvise(mmap.MADV_DONTNEED, part * size, size)
    return True


def read_at_random(mapped: mmap.mmap, file: int) -> None:
    """Tell the system that rows lie at random places: it would read as much as 8 MB round about each."""
    mapped.madvise(mmap.MADV_RANDOM)
    if hasattr(os, "posix_fadvise"):  # macOS has none
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)


def announce(file: int, begin: int, size: int) -> None:
    """Let the system read some bytes of a file ahead."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, begin, size, os.POSIX_FADV_WILLNEED)
