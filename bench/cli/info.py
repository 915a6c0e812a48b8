"""`copymc info`: this machine."""

from __future__ import annotations

import json

from bench.cli.requests import InfoRequest
from bench.present import about


def main(request: InfoRequest) -> int:
    """Prints the facts; 0."""
    print(json.dumps(about.as_json(), indent=2) if request.json else about.as_text())
    return 0
