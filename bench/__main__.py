"""`python -m bench` is `copymc`."""

from __future__ import annotations

import signal


def main() -> int:
    """The exit status of this process's command line; silent on Ctrl-C from the first import on."""
    try:
        from bench.cli import main as run  # noqa: PLC0415 (it takes a while, and is inside the try)

        return run()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left that it could cost


if __name__ == "__main__":
    raise SystemExit(main())
