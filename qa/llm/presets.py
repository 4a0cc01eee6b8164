"""Which server and model a name stands for: presets and the tables of qa.toml."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources
from urllib.parse import urlsplit

from qa.errors import SettingsError
from qa.settings import Provider, Quirks

_WILD = frozenset("*?[")


@dataclass(frozen=True)
class Target:
    """A model on a server, with all that a request needs.

    Attributes:
        name: the provider's name: the preset or the table of qa.toml.
        model: the model's name; "" where the server is to be asked for its first.
        provider: address, waits and retries.
        quirks: the provider's quirks, overlaid with those of the model.
        key: sent as a bearer token; "" for none. Never shown.
    """

    name: str
    model: str
    provider: Provider
    quirks: Quirks
    key: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """The name with the model, as answers show it: "deepseek:deepseek-v4-flash"."""
        return f"{self.name}:{self.model}" if self.model else self.name


@lru_cache(maxsize=1)
def presets() -> dict[str, Provider]:
    """Return the providers that need no entry in qa.toml, by name."""
    raw = tomllib.loads((resources.files("qa.llm") / "presets.toml").read_text(encoding="utf-8"))
    return {name: Provider.model_validate(table) for name, table in raw.items()}


def names(own: Mapping[str, Provider]) -> tuple[str, ...]:
    """Return the names of all providers: the presets, then the user's own."""
    return tuple(dict.fromkeys([*presets(), *own]))


def resolve(name: str, own: Mapping[str, Provider]) -> Target:
    """Find the model that a name stands for and its key.

    Args:
        name: "PROVIDER" or "PROVIDER:MODEL".
        own: the user's tables; one with a preset's name overlays it field by field.

    Raises:
        SettingsError: the name is unknown, its table has no address, its key is not set, or the
            key would travel unencrypted to another machine.
    """
    provider_name, _, model = name.strip().partition(":")
    preset, table = presets().get(provider_name), own.get(provider_name)
    if preset is None and table is None:
        raise SettingsError(f"no language model is called {provider_name!r}; name one of {', '.join(names(own))}, or add [llm.NAME] to qa.toml")
    provider = _overlay(preset, table)
    if not provider.base_url:
        raise SettingsError(f"[llm.{provider_name}] in qa.toml has no base_url; add the server's address up to and with /v1")
    url = urlsplit(provider.base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise SettingsError(f"[llm.{provider_name}]: {provider.base_url!r} is no address; write it like http://127.0.0.1:8000/v1")
    if not model:
        model = next((m for m in provider.models if _WILD.isdisjoint(m)), "")
    own_quirks = next((q for pattern, q in provider.models.items() if pattern == model or fnmatchcase(model, pattern)), Quirks())
    shared = {name: getattr(provider, name) for name in Quirks.model_fields}
    quirks = Quirks(**(shared | {name: getattr(own_quirks, name) for name in own_quirks.model_fields_set}))
    key = os.environ.get(provider.key_env, "").strip() if provider.key_env else ""
    if provider.key_env and not key:
        raise SettingsError(f"{provider_name} needs a key; set the environment variable {provider.key_env}")
    if key and url.scheme == "http" and not _near(url.hostname):
        raise SettingsError(f"[llm.{provider_name}]: the key would travel unencrypted to {url.hostname}; use an https address")
    if not key.isascii() or not key.isprintable():
        raise SettingsError(f"the key in {provider.key_env} holds characters that no key has; copy it again")
    return Target(provider_name, model, provider, quirks, key)


def _overlay(preset: Provider | None, table: Provider | None) -> Provider:
    """Put the fields that a user's table gives in the place of the preset's."""
    if preset is None or table is None:
        return table or preset or Provider()
    given = {name: getattr(table, name) for name in table.model_fields_set}
    if "models" in given:
        given["models"] = {**given["models"], **{m: q for m, q in preset.models.items() if m not in given["models"]}}
    return preset.model_copy(update=given)


def _near(host: str) -> bool:
    """Tell whether a host is this machine or one of a private network."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private
