"""Which language models the page offers, and where their questions would go."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from qa.errors import MissingExtra, SettingsError
from qa.llm import resolve
from qa.llm.presets import presets
from qa.settings import Settings
from qa.web.exposure import is_loopback


@dataclass(frozen=True)
class Offer:
    """A model that a reader may choose.

    Attributes:
        name: as for ``--llm``.
        label: the name with the model's, as answers show it.
        host: where question and passages go; "" for the machine that serves the page.
    """

    name: str
    label: str
    host: str

    def as_dict(self) -> dict[str, str]:
        """Return the offer for the page: a name and a host, never a key."""
        return {"name": self.name, "label": self.label, "host": self.host}


def offers(settings: Settings) -> tuple[Offer, ...]:
    """Return the models that the page offers, in the order in which they are shown.

    Those that ``page_llm`` names. Without any, and where only this machine's user can open the page:
    the presets whose key is set, and the servers of qa.toml. Others who may open the page spend nobody's key unasked.

    Raises:
        SettingsError: a model that ``page_llm`` names is unknown or lacks its key.
        MissingExtra: one is named and the extra "llm" is not installed.
    """
    installed = importlib.util.find_spec("openai") is not None
    if settings.page_llm:
        if not installed:
            raise MissingExtra('language models need the package openai; run: pip install "china-ai-qa[llm]"')
        return tuple(_offer(name, settings) for name in settings.page_llm)
    if not installed or settings.auth is not None or settings.allowed_hosts or not is_loopback(settings.host):
        return ()
    with_key = [name for name, preset in presets().items() if preset.key_env and os.environ.get(preset.key_env, "").strip()]
    found = []
    for name in dict.fromkeys([*settings.llm, *with_key]):
        try:
            found.append(_offer(name, settings))
        except SettingsError:  # a table that lacks its key is not there yet; whoever names it is told why
            continue
    return tuple(found)


def _offer(name: str, settings: Settings) -> Offer:
    target = resolve(name, settings.llm)
    host = urlsplit(target.provider.base_url).hostname or ""
    return Offer(name, target.label, "" if _here(host) else host)


def _here(host: str) -> bool:
    """Tell whether an address names this machine, without asking the network what the name stands for."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
