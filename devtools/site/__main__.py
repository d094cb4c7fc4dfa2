"""`python -m devtools.site`: build the documentation's site, or serve it on this machine."""

# It runs on the site's own environment, so it needs nothing but the standard library.

import argparse
import functools
import http.server
import sys
from pathlib import Path

from devtools.site.build import OUT, SiteError, build


def main() -> int:
    """Build, and serve if asked to; 1 if the site could not be built."""
    parser = argparse.ArgumentParser(prog="python -m devtools.site", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("build", "serve"), default="build")
    parser.add_argument("--out", type=Path, default=OUT, help="where to build it  [.local/site]")
    parser.add_argument("--port", type=int, default=8000, help="for serve; 0 takes a free one  [8000]")
    given = parser.parse_args()
    try:
        out = build(given.out.resolve())
    except SiteError as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"file://{out}/index.html", flush=True)
    return serve(out, given.port) if given.what == "serve" else 0


def serve(folder: Path, port: int) -> int:
    """Serve the built site on 127.0.0.1 until Ctrl-C."""
    try:
        server = listening(folder, port)
    except OSError as exc:
        print(f"Port {port} can't be used ({exc.strerror}). What to do: --port 0", file=sys.stderr)
        return 1
    with server:
        print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


def listening(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of a folder that listens, and serves nothing yet."""
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(_Handler, directory=str(folder)))


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing of a request: the browser's own tools show them."""


if __name__ == "__main__":
    sys.exit(main())
