"""How the page is started."""

import inspect
import sys

import pytest

from qa.web.server import light_gradio


def test_only_gradio_is_imported_in_another_way_and_only_meanwhile():
    find, known = inspect.getfile, sys.modules.get("mcp")
    theirs = type("Part", (), {"__module__": "gradio.components.part"})
    with light_gradio():
        with pytest.raises(OSError, match="not looked for"):
            inspect.getfile(theirs)
        assert inspect.getfile(pytest.Item) == find(pytest.Item)
    assert inspect.getfile is find
    assert sys.modules.get("mcp") is known


def test_what_was_imported_before_stays(monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", sys)
    with light_gradio():
        assert sys.modules["mcp"] is sys
    assert sys.modules["mcp"] is sys
