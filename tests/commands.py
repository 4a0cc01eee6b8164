"""How tests run commands and judge failures."""

from __future__ import annotations

import subprocess
import sys

QUESTION = "When did Alibaba release QwQ-32B?"


def failed(result, *parts, code=1) -> None:
    """Assert a failure with one line on stderr that holds every part."""
    assert result[0] == code
    lines = result[2].strip().splitlines()
    assert len(lines) == 1, result[2]
    assert lines[0].startswith("qa: ")
    assert "Traceback" not in result[2]
    for part in parts:
        assert part in lines[0]


def process(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "qa", *map(str, arguments)], capture_output=True, timeout=120, **options)
