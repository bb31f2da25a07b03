"""Sends requests to the FastAPI application.

Reads a JSON array of `{method, url, headers, body}` from standard input, with `body` in Base64, and prints the versions and
each answer's status and body as JSON.
"""

import base64
import json
import sys
from importlib.metadata import version

from fastapi.testclient import TestClient

from app import app


def answer(client, request):
    body = base64.b64decode(request.get("body", ""))
    response = client.request(request["method"], request["url"], headers=request.get("headers"), content=body)
    is_json = response.headers.get("content-type", "").startswith("application/json")
    return {"status": response.status_code, "body": response.json() if is_json else response.text}


client = TestClient(app, raise_server_exceptions=False)
answers = [answer(client, request) for request in json.load(sys.stdin)]
versions = {name: version(name) for name in ("fastapi", "pydantic", "starlette")}
json.dump({"versions": versions, "answers": answers}, sys.stdout)
