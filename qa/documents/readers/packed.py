"""Packed formats (DOCX, PPTX, XLSX, EPUB): how much they would unpack to, before anything is unpacked."""

from __future__ import annotations

import io
import zipfile

from qa.documents.readers.extracted import MIB, ReadLimits
from qa.errors import UnreadableFile

_SMALL = 10 * MIB  # a packed file that unpacks to no more than this may be as dense as it likes


def check_packed(data: bytes, limits: ReadLimits) -> None:
    """Refuse a packed file with too many members, or that is too large or too dense once unpacked.

    The sizes are those that the archive's directory declares; Python's zipfile never unpacks more of
    a member than declared, so a wrong declaration only makes the member unreadable.

    Raises:
        UnreadableFile: the archive is damaged, encrypted or over a limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise UnreadableFile("is a damaged packed file; save or download it again") from error
    if len(members) > limits.members:
        raise UnreadableFile(f"packs {len(members):,} files, over the limit of {limits.members:,}; add a smaller file")
    if any(member.flag_bits & 1 for member in members):
        raise UnreadableFile("is encrypted; save it without a password")
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.unpacked_bytes:
        raise UnreadableFile(f"would unpack to {unpacked // MIB:,} MiB, over the limit of {limits.unpacked_bytes // MIB:,}; add a smaller file")
    if unpacked > _SMALL and unpacked > limits.expansion * len(data):
        raise UnreadableFile(f"would unpack to {unpacked // max(len(data), 1):,} times its size, as no document does; it was not opened")
