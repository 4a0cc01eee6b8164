"""Who may log in: a file of names with argon2 hashes, sessions kept in memory, and a brake on guessing."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from qa.errors import SettingsError

MIN_PASSWORD_CHARS = 10
MAX_PASSWORD_CHARS = 256
_NAME = re.compile(r"[\w.@-]{1,64}")
_HASHER = PasswordHasher()  # argon2id with the parameters of RFC 9106 for small memory: 64 MiB, 3 passes
_AT_ONCE = threading.Semaphore(4)  # each check takes 64 MiB


class Accounts:
    """The users of one file, which is read again when it changes.

    A line is ``name:hash``; empty lines and those that begin with # don't count.

    Raises:
        SettingsError: the file cannot be read, holds no user, or a line is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._hashes: dict[str, str] = {}
        # What a password is compared with where there is no such user, so that the time tells nothing.
        self._nobody = PasswordHasher().hash(secrets.token_hex(16))
        self._refresh()
        if not self._hashes:
            raise SettingsError(f"{path}: no users; add one with: qa user add NAME --auth {path}")

    def _refresh(self) -> None:
        with self._lock:
            try:
                status = self.path.stat()
                stamp = (status.st_mtime_ns, status.st_size)
                if stamp != self._stamp:
                    self._hashes = read_users(self.path)
                    self._stamp = stamp
            except OSError as error:
                raise SettingsError(f"{self.path}: {error.strerror or error}; make it with: qa user add NAME --auth {self.path}") from error

    def entry(self, name: str) -> str:
        """Return a digest of a user's entry, "" where there is none; another password gives another digest.

        Raises:
            SettingsError: the file can no longer be read.
        """
        self._refresh()
        found = self._hashes.get(name)
        return hashlib.sha256(found.encode()).hexdigest() if found else ""

    def admits(self, name: str, password: str) -> bool:
        """Tell whether the password is the user's; takes the same time for a user who isn't there.

        Raises:
            SettingsError: the file can no longer be read.
        """
        self._refresh()
        known = self._hashes.get(name)
        with _AT_ONCE:
            try:
                _HASHER.verify(known or self._nobody, password[:MAX_PASSWORD_CHARS])
            except VerifyMismatchError:
                return False
            except (VerificationError, InvalidHashError) as error:
                raise SettingsError(f"{self.path}: the entry of {name!r} is no argon2 hash; set it with: qa user add") from error
        return known is not None


def read_users(path: Path) -> dict[str, str]:
    """Return the hashes by name.

    Raises:
        OSError: the file cannot be read.
        SettingsError: a line is not ``name:hash``; the line itself is not shown.
    """
    hashes = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not a text file; make another with: qa user add NAME --auth FILE") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, hashed = line.strip().partition(":")
        if not _NAME.fullmatch(name) or not hashed.startswith("$argon2"):
            raise SettingsError(f"{path}:{number}: not a user with an argon2 hash; set it with: qa user add NAME --auth {path}")
        hashes[name] = hashed
    return hashes


def write_user(path: Path, name: str, password: str) -> bool:
    """Add a user or change the password; the file is readable by its owner only.

    Returns:
        Whether the user is new.

    Raises:
        SettingsError: the name or password will not do, or the file holds something else.
        OSError: the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError("a user's name has 1 to 64 letters, digits, dots, dashes, underscores or @ signs; choose another")
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise SettingsError(f"a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters; choose another")
    users = read_users(path) if path.exists() else {}
    new = name not in users
    users[name] = _HASHER.hash(password)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".users-")  # made readable by the owner only
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{user}:{hashed}\n" for user, hashed in users.items())
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    return new


@dataclass(frozen=True)
class _Session:
    user: str
    entry: str
    ends: float


class Sessions:
    """Log-ins by their random token, of which only a digest is kept. A restart ends them all.

    Args:
        accounts: whose users they are; a removed user or a changed password ends a session.
        seconds: how long one lasts.
        clock: the time in seconds.
    """

    MOST = 10_000  # then the oldest end

    def __init__(self, accounts: Accounts, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._accounts = accounts
        self.seconds = seconds
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._open: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def begin(self, user: str) -> str:
        """Return the cookie of a new session: a random token and its signature."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            for old in [key for key, session in self._open.items() if session.ends <= now]:
                del self._open[old]
            while len(self._open) >= self.MOST:
                del self._open[next(iter(self._open))]
            self._open[_digest(token)] = _Session(user, self._accounts.entry(user), now + self.seconds)
        return f"{token}.{self._sign(token)}"

    def user(self, cookie: str) -> str:
        """Return whose session a cookie names; "" if it is none, has ended, or its user is gone."""
        token = self._token(cookie)
        session = self._open.get(_digest(token)) if token else None
        if session is None or session.ends <= self._clock():
            return ""
        return session.user if hmac.compare_digest(session.entry, self._accounts.entry(session.user)) else ""

    def end(self, cookie: str) -> None:
        """Forget a session."""
        with self._lock:
            self._open.pop(_digest(self._token(cookie)), None)

    def _sign(self, token: str) -> str:
        return hmac.new(self._key, token.encode(), hashlib.sha256).hexdigest()

    def _token(self, cookie: str) -> str:
        token, _, signature = cookie.rpartition(".")
        return token if hmac.compare_digest(self._sign(token).encode(), signature.encode()) else ""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Throttle:
    """Makes guessing slow: after a few failures each further one doubles the time until the next try.

    Every try counts as a failure until it has succeeded, so tries made at the same time count too.

    Args:
        clock: the time in seconds.
    """

    FREE = 4
    LONGEST_S: ClassVar = {"address": 900.0, "user": 60.0}  # a user waits less, or a stranger could lock them out
    FORGET_S = 3600.0
    MOST = 20_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: dict[tuple[str, str], tuple[int, float]] = {}
        self._lock = threading.Lock()

    def begin(self, address: str, user: str) -> float:
        """Count a try, or return how many seconds are left until one is taken again."""
        now = self._clock()
        with self._lock:
            wait = max(self._wait(key, now) for key in self._keys(address, user))
            if wait <= 0:
                for key in self._keys(address, user):
                    self._tries[key] = (self._count(key, now) + 1, now)
                while len(self._tries) > self.MOST:
                    del self._tries[next(iter(self._tries))]
            return wait

    def succeeded(self, address: str, user: str) -> None:
        """Take a try back; other users' failures from the same address stay."""
        now = self._clock()
        with self._lock:
            self._tries.pop(("user", user), None)
            key = ("address", address)
            count, last = self._count(key, now) - 1, now
            if count > 0:
                self._tries[key] = (count, last)
            else:
                self._tries.pop(key, None)

    @staticmethod
    def _keys(address: str, user: str) -> tuple[tuple[str, str], ...]:
        return ("address", address), ("user", user)

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, last = self._tries.get(key, (0, now))
        return count if now - last < self.FORGET_S else 0

    def _wait(self, key: tuple[str, str], now: float) -> float:
        count = self._count(key, now)
        if count < self.FREE:
            return 0.0
        pause = min(2.0 ** min(count - self.FREE, 30), self.LONGEST_S[key[0]])
        return self._tries[key][1] + pause - now
