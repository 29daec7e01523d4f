"""Runs the functions on this machine: the real `bootstrap` with a runtime API like that of AWS Lambda, and an emulator.

The runtime API is documented at https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import http.server
import io
import json
import queue
import subprocess
import threading

from clock import RealClock
from emulator import REGION, STOP_SECONDS

# The account id of moto.
ACCOUNT = "123456789012"
# The deadline of an invocation, and how long the test waits for an answer.
DEADLINE_SECONDS, WAIT_SECONDS = 60, 90


class Handler(http.server.BaseHTTPRequestHandler):
    """The runtime API of one function."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        number, event = self.server.function.invocations.get()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"request-{number}",
            "Lambda-Runtime-Deadline-Ms": str(int((self.server.function.clock.time() + DEADLINE_SECONDS) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.function.arn,
        }
        self.reply(200, event, headers)

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        # The response of an invocation, its error, or an error at the start of the function.
        self.server.function.answers.put((self.path.rsplit("/", 1)[-1], content))
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
    """A running function."""

    def __init__(self, binary, name, url, settings, folder, clock):
        self.clock = clock
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        self.invocations, self.answers, self.count = queue.Queue(), queue.Queue(), 0
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
            self.process = subprocess.Popen([binary], env=environment | settings | clock.environment, stdout=log, stderr=log)

    def invoke(self, event):
        """Returns how an invocation ended, "response" or "error", and the body of the answer."""
        self.count += 1
        self.invocations.put((self.count, event))
        try:
            return self.answers.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise AssertionError(f"{self.arn} does not answer:\n{self.log_path.read_text(encoding='utf-8')}") from None

    def stop(self):
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        self.invocations.put((None, None))
        self.server.shutdown()
        self.server.server_close()


class Functions:
    """The functions that were invoked so far; has the `invoke` of a boto3 client of AWS Lambda."""

    def __init__(self, binary, url, folder, clock):
        self.binary, self.url, self.folder, self.clock = binary, url, folder, clock
        self.settings, self.running = {}, {}

    def invoke(self, FunctionName, Payload):
        if FunctionName not in self.running:
            settings = self.settings[FunctionName]
            self.running[FunctionName] = Function(self.binary, FunctionName, self.url, settings, self.folder, self.clock)
        how, content = self.running[FunctionName].invoke(Payload)
        return {"Payload": io.BytesIO(content)} | ({"FunctionError": "Unhandled"} if how == "error" else {})

    def lines(self, name):
        """Returns the log records of a function."""
        return [json.loads(line) for line in self.running[name].log_path.read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def serving(binary, url, folder, clock=RealClock()):
    """Yields the functions and stops them at the end, also after an error. The caller fills `settings` before the first call."""
    functions = Functions(binary, url, folder, clock)
    try:
        yield functions
    finally:
        for function in functions.running.values():
            function.stop()
