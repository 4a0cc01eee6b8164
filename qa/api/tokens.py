"""Bearer tokens: random, kept as digests, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from qa.errors import SettingsError
from qa.settings import Settings

MIN_CHARS = 20
"""Shortest token that is taken from the environment."""
_NAME = re.compile(r"[\w.@-]{1,64}")
_LINE = re.compile(rf"(?P<name>{_NAME.pattern}):(?P<digest>[0-9a-f]{{64}})")


class Tokens:
    """Who may use the interface.

    Args:
        digests: SHA-256 of each token, by the name of its holder. A token is 32 random bytes, so a fast digest
            is enough; passwords would need a slow one.
    """

    def __init__(self, digests: Mapping[str, bytes]) -> None:
        self._digests = dict(digests)

    @classmethod
    def read(cls, settings: Settings) -> Tokens:
        """Read the tokens of ``QA_API_TOKENS`` and of the file that the settings name.

        Raises:
            SettingsError: a token is too short, the file cannot be read, or a line of it is none.
        """
        digests: dict[str, bytes] = {}
        for number, secret in enumerate(settings.api_tokens, 1):
            token = secret.get_secret_value()
            if len(token) < MIN_CHARS:
                raise SettingsError(f"token {number} of QA_API_TOKENS has fewer than {MIN_CHARS} characters; make one with: qa token add NAME")
            digests[f"token {number}"] = _digest(token)
        if settings.api_token_file is not None:
            digests |= read_tokens(settings.api_token_file)
        return cls(digests)

    def __bool__(self) -> bool:
        """Tell whether there is any; without tokens nobody is asked for one."""
        return bool(self._digests)

    def holder(self, authorization: str) -> str:
        """Return whose token an Authorization header carries, "" if nobody's; every token is compared."""
        scheme, _, token = authorization.partition(" ")
        given = _digest(token.strip()) if scheme.lower() == "bearer" else b""
        found = ""
        for name, digest in self._digests.items():
            if hmac.compare_digest(digest, given):
                found = name
        return found


def read_tokens(path: Path) -> dict[str, bytes]:
    """Return the digests of a file by name; empty lines and those that begin with # don't count.

    Raises:
        SettingsError: the file cannot be read, or a line is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read; make it with: qa token add NAME --file {path}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise SettingsError(f"{path}:{number}: not a line name:digest; remove it and run: qa token add NAME --file {path}")
            found[match["name"]] = bytes.fromhex(match["digest"])
    return found


def add_token(path: Path, name: str) -> str:
    """Make a token, write its digest into a file that only its owner can read, and return the token.

    Raises:
        SettingsError: the name will not do or is taken, or the file holds something else.
        OSError: the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError("a token's name has 1 to 64 letters, digits, dots, dashes, underscores or @ signs; choose another")
    known = read_tokens(path) if path.exists() else {}
    if name in known:
        raise SettingsError(f"{path}: there is a token named {name!r}; choose another name, or remove its line")
    token = secrets.token_urlsafe(32)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(f"{name}:{_digest(token).hex()}\n")
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
