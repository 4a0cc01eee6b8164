"""The built index: vectors, words, passages, and the generations that hold them."""

from qa.index.builder import build_index
from qa.index.snapshot import Manifest, Snapshot, current_generation, read_manifest

__all__ = ["Manifest", "Snapshot", "build_index", "current_generation", "read_manifest"]
