"""A Guance workspace on this machine: an HTTPS server with a new certificate, which records all writes."""

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

# One point of line protocol: ends at a newline that is not within a quoted text.
POINT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^"\n])+', re.DOTALL)


class Workspace:
    """A running server; `written` has the path and the body of each accepted request."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ca_file = self.folder / "authority.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.written = []
        # The number of next requests that fail.
        self.failing = 0
        # The HTTP status of each request, if it is set.
        self.refusing = None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"

    def handler(self):
        workspace = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                """Answers whether a token is known, as DataWay does."""
                is_known = self.path == f"/v1/check/token/{TOKEN}"
                self.send_response(200 if is_known else 403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self):
                url = urllib.parse.urlsplit(self.path)
                (token,) = urllib.parse.parse_qs(url.query).get("token", [""])
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                is_allowed = token == TOKEN and self.headers["User-Agent"].startswith("cloudtrail-inspector/")
                self.send_response(workspace.accept(url.path, body.decode()) if is_allowed else 403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    def accept(self, path, body):
        """Records a write, unless it is to fail; returns the HTTP status."""
        if self.refusing:
            return self.refusing
        if self.failing > 0:
            self.failing -= 1
            return 503
        self.written.append((path, body))
        return 200

    def lines(self, path):
        """Returns the points of line protocol that were written to a path."""
        return [point for where, body in list(self.written) if where == path for point in POINT.findall(body)]


@contextlib.contextmanager
def serving(folder):
    """Yields a workspace and stops it at the end, also after an error."""
    workspace = Workspace(folder)
    thread = threading.Thread(target=workspace.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield workspace
    finally:
        workspace.server.shutdown()
        thread.join()
        workspace.server.server_close()
