"""Audit the dependencies: what is installed is what constraints.txt pins, fits together, and has no known weakness.

Run by .ci/run with the project's interpreter. The list of weaknesses comes over the network by way of pip-audit; where
it cannot be had, that is said and the other two checks stand alone.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "constraints.txt"


def canonical(name: str) -> str:
    """Return a package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def differing() -> list[str]:
    """Return the installed packages whose version is not the pinned one; "+cpu" and the like don't count."""
    pins = dict(line.strip().split("==") for line in PINS.read_text().splitlines() if "==" in line and not line.startswith("#"))
    wanted = {canonical(name): version for name, version in pins.items()}
    installed = {canonical(d.metadata["Name"]): d.version.split("+")[0] for d in distributions()}
    return [f"{name} is {installed[name]}, pinned is {v}" for name, v in sorted(wanted.items()) if installed.get(name, v) != v]


def weaknesses() -> list[str] | None:
    """Return the known weaknesses of the pinned packages, or None where the data cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        python, report = Path(folder, "venv", "bin", "python"), Path(folder, "report.json")
        steps = (
            [sys.executable, "-m", "venv", folder + "/venv"],
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip-audit"],
            [python, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner=off", "-r", PINS, "-f", "json", "-o", report],
        )
        for step in steps:
            try:
                subprocess.run(step, capture_output=True, timeout=300, check=False)
            except (OSError, subprocess.TimeoutExpired):
                return None
        if not report.is_file():
            return None
        found = json.loads(report.read_text())["dependencies"]
    if all("skip_reason" in one for one in found):  # the index answers, but knows nothing of weaknesses
        return None
    return [f"{one['name']} {one['version']}: {weak['id']}" for one in found for weak in one.get("vulns", ())]


def main() -> int:
    """Print what is wrong and return 1, or 0 if nothing is."""
    problems = differing()
    if subprocess.run([sys.executable, "-m", "pip", "check", "--disable-pip-version-check"], check=False).returncode:
        problems.append("pip check found packages that do not fit together")
    known = weaknesses()
    if known is None:
        sys.stderr.write("notice: the list of known weaknesses cannot be had here; the pinned packages were not looked up in it\n")
    for problem in [*problems, *(known or ())]:
        sys.stderr.write(f"audit: {problem}\n")
    return bool(problems or known)


if __name__ == "__main__":
    sys.exit(main())
