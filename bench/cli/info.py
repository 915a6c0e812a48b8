"""`copymc info`: this machine."""

from __future__ import annotations

import argparse
import json

from bench.present import about


def main(args: argparse.Namespace) -> int:
    """Prints the facts; 0."""
    print(json.dumps(about.as_json(), indent=2) if args.json else about.as_text())
    return 0
