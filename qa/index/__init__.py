"""The built index: vectors, words, passages, and the generations that hold them."""

from qa.index.builder import build_index, collect, update_index
from qa.index.snapshot import Manifest, Snapshot, current_generation, read_manifest
from qa.index.verify import Report, verify_index

__all__ = ["Manifest", "Report", "Snapshot", "build_index", "collect", "current_generation", "read_manifest", "update_index", "verify_index"]
