"""A workspace of Guance on this machine: HTTPS with a certificate made on the spot, and what was written there."""

import contextlib
import gzip
import http.server
import pathlib
import re
import ssl
import threading
import urllib.parse

import trustme

TOKEN = "tkn_5e2e5e2e5e2e5e2e5e2e5e2e5e2e5e2e"

# One point of line protocol: a newline ends it, but not within a quoted text.
POINT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"\n])+', re.DOTALL)


class Workspace:
    """A running server; `written` has the path, the token and the body of each request that it took."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ca_file = self.folder / "authority.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.written = []
        # How many requests fail from now on.
        self.failing = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"

    def handler(self):
        workspace = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                url = urllib.parse.urlsplit(self.path)
                (token,) = urllib.parse.parse_qs(url.query).get("token", [""])
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                is_known = token == TOKEN and self.headers["User-Agent"].startswith("cloudtrail-inspector/")
                self.send_response(workspace.take(url.path, body.decode()) if is_known else 403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    def take(self, path, body):
        """Takes what is written, unless it is to fail, and returns the status."""
        if self.failing > 0:
            self.failing -= 1
            return 503
        self.written.append((path, body))
        return 200

    def lines(self, path):
        """Returns the points that were written to a path."""
        return [point for where, body in list(self.written) if where == path for point in POINT.findall(body)]


@contextlib.contextmanager
def serving(folder):
    """Gives a workspace, and stops it whatever happens."""
    workspace = Workspace(folder)
    thread = threading.Thread(target=workspace.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield workspace
    finally:
        workspace.server.shutdown()
        thread.join()
        workspace.server.server_close()
