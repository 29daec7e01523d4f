"""The functions on this machine, each the real `bootstrap` at a runtime API as AWS Lambda has one, beside an emulator.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html says what a function asks and answers there.
"""

import contextlib
import http.server
import io
import json
import queue
import subprocess
import threading
import time

from emulator import REGION, STOP_SECONDS

# That of moto.
ACCOUNT = "123456789012"
# How long an invocation may take, and how long one waits for its end.
DEADLINE_SECONDS, PATIENCE_SECONDS = 60, 90


class Handler(http.server.BaseHTTPRequestHandler):
    """One function's runtime API."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        number, event = self.server.function.invocations.get()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"request-{number}",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + DEADLINE_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.function.arn,
        }
        self.reply(200, event, headers)

    def do_POST(self):
        said = self.rfile.read(int(self.headers["Content-Length"]))
        # A response, the error of an invocation, or that of a start.
        self.server.function.answers.put((self.path.rsplit("/", 1)[-1], said))
        self.reply(202, b"{}")

    def reply(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Function:
    """One of them, from its start on."""

    def __init__(self, binary, name, url, settings, folder):
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        self.invocations, self.answers, self.given = queue.Queue(), queue.Queue(), 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.function = True, self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        environment = {
            "_HANDLER": name.rsplit("-", 1)[-1],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": url,
        }
        self.log_path = folder / f"{name}.log"
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen([binary], env=environment | settings, stdout=log, stderr=log)

    def invoke(self, event):
        """Returns how an invocation ended, "response" or "error", and what was said."""
        self.given += 1
        self.invocations.put((self.given, event))
        try:
            return self.answers.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise AssertionError(f"{self.arn} does not answer:\n{self.log_path.read_text(encoding='utf-8')}") from None

    def stop(self):
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        self.invocations.put((None, None))
        self.server.shutdown()
        self.server.server_close()


class Functions:
    """All that were invoked so far. It is asked as a client of AWS Lambda is."""

    def __init__(self, binary, url, folder):
        self.binary, self.url, self.folder = binary, url, folder
        self.settings, self.running = {}, {}

    def invoke(self, FunctionName, Payload):
        if FunctionName not in self.running:
            settings = self.settings[FunctionName]
            self.running[FunctionName] = Function(self.binary, FunctionName, self.url, settings, self.folder)
        how, said = self.running[FunctionName].invoke(Payload)
        return {"Payload": io.BytesIO(said)} | ({"FunctionError": "Unhandled"} if how == "error" else {})

    def lines(self, name):
        """Returns what a function has logged."""
        return [json.loads(line) for line in self.running[name].log_path.read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def serving(binary, url, folder):
    """Gives the functions, whose settings are to be set, and stops them whatever happens."""
    functions = Functions(binary, url, folder)
    try:
        yield functions
    finally:
        for function in functions.running.values():
            function.stop()
