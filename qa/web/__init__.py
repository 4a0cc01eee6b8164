"""The Gradio page: a face of ``qa.assistant``, and the outermost layer of the package.

>>> from qa.settings import load_settings
>>> from qa.web import serve
>>> serve(load_settings(), port=8000)   # doctest: +SKIP
The page is at http://127.0.0.1:8000 (Ctrl+C stops it)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from qa.settings import Settings
    from qa.web.server import Wrap

__all__ = ["create_app", "serve"]


def create_app(settings: Settings) -> FastAPI:
    """Make the web application; its assistant begins to load when the server starts.

    Raises:
        OSError: the folder for conversations cannot be written.
    """
    _stay_on_this_machine()
    from qa.web.app import create_app as create

    return create(settings)


def serve(settings: Settings, *, host: str | None = None, port: int | None = None, wrap: Wrap | None = None) -> None:
    """Serve the page until it is interrupted, and print its address.

    Args:
        settings: names the corpus, the index and the model.
        host: address to listen on; the settings' where None.
        port: first port to try; the settings' where None. The next free one is taken.
        wrap: makes what is served from the page and the engine behind it; the page alone where None.

    Raises:
        SettingsError: the host is unknown, or none of the ports from the first on is free.
        OSError: the folder for conversations cannot be written.
    """
    _stay_on_this_machine()
    from qa.web.server import run

    run(settings, host or settings.host, port or settings.port, wrap)


def _stay_on_this_machine() -> None:
    """Tell Gradio and the model hub not to call home; they read this when they are imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
