"""Ask over HTTP, with nothing but the standard library.

Start:   qa api                             (or qa serve, on port 7860)
Run:     python examples/http_client.py "Who founded DeepSeek?"
A server that asks for tokens wants one in the variable QA_TOKEN; another address stands in QA_URL.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any


def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a request to the interface and return what it answers; an error's one sentence ends the program."""
    base, token = os.environ.get("QA_URL", "http://127.0.0.1:7870"), os.environ.get("QA_TOKEN", "")
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{base}/api/v1/{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        sys.exit(json.load(error)["detail"])
    except urllib.error.URLError as error:
        sys.exit(f"{base} cannot be reached ({error.reason}); start it with: qa api")


if __name__ == "__main__":
    answer = post("ask", {"question": " ".join(sys.argv[1:]) or "Who founded DeepSeek?"})
    print(answer["text"])
    for citation in answer["citations"]:
        print(f"[{citation['number']}] {citation['title']}: {'; '.join(s['url'] for s in citation['sources'])}")
