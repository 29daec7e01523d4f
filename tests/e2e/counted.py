"""A proxy before an emulator that counts the calls to DynamoDB."""

import contextlib
import http.client
import http.server
import threading
import urllib.parse

# Headers that the proxy does not pass on, because it sets its own.
NOT_FORWARDED = {"connection", "content-length", "transfer-encoding", "date", "server"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        if target.startswith("DynamoDB_"):
            self.server.calls.append(target.rsplit(".", 1)[-1])
        connection = http.client.HTTPConnection(self.server.behind, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in NOT_FORWARDED:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = forward

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def counting(url):
    """Yields the address of a proxy and the list of DynamoDB operations that pass it; the list grows with each call."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.behind, server.calls = True, urllib.parse.urlsplit(url).netloc, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.calls
    finally:
        server.shutdown()
        server.server_close()
