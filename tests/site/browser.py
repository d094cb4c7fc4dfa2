"""Searches the site in Chromium, without a driver: a script in the page types, and posts what it finds."""

import queue
import shutil
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_S = 40
_TYPES = """<script>
addEventListener("load", async () => {
  const until = async (look) => {
    for (;;) {
      const found = look();
      if (found) return found;
      await new Promise(next => setTimeout(next, 50));
    }
  };
  const host = await until(() => [...document.querySelectorAll("body > div")].find(one => one.shadowRoot));
  document.querySelector(".md-search__button").click();
  const input = await until(() => host.shadowRoot.querySelector("input"));
  input.value = WORDS;
  input.dispatchEvent(new InputEvent("input", {bubbles: true, composed: true}));
  await until(() => host.shadowRoot.querySelector("a"));
  const links = [...host.shadowRoot.querySelectorAll("a")].map(one => one.href);
  await fetch(REPORT, {method: "POST", mode: "no-cors", body: links.join(" ")});
});
</script></body>"""


def search(site: Path, words: str, base: str | None = None) -> list[str]:
    """The addresses that the first page's search finds, the best first; from the disk, or a server at `base`."""
    found: queue.Queue[str] = queue.Queue()

    class Report(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.put(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

    page = site / "search-test.html"
    with ThreadingHTTPServer(("127.0.0.1", 0), Report) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        types = _TYPES.replace("WORDS", repr(words))
        types = types.replace("REPORT", repr(f"http://127.0.0.1:{server.server_address[1]}/"))
        page.write_text((site / "index.html").read_text().replace("</body>", types))
        try:
            return _opened(f"{base or site.as_uri()}/{page.name}", found).split()
        finally:
            page.unlink()
            server.shutdown()


def _opened(url: str, found: queue.Queue[str]) -> str:
    """What a page reports that is open in a browser for which no name resolves."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [
                *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={profile}", url),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return found.get(timeout=PATIENCE_S)
        finally:
            browser.terminate()
            browser.wait(timeout=10)
