#!/usr/bin/env python3
"""Measures time and memory of the function: a start, a batch, a thousand batches, a full payload, a gzip bomb.

This program replaces AWS Lambda and the services: a runtime API that sends invocations to the real `bootstrap`, a table
that is always empty and accepts every write, and a bucket that accepts every object. CPU time is counted by the
scheduler, so other programs make the measurement slower but not wrong. The cost of TLS connections is not included.

Usage: function.py --target FOLDER; `make bench-lambda` passes the arguments.
Exit codes: 0 measured, goals met or missed; 1 an invocation failed.
"""

import argparse
import base64
import collections
import gzip
import http.server
import io
import json
import os
import pathlib
import queue
import random
import statistics
import subprocess
import sys
import threading
import time
import zipfile

STARTS = 20
WARM_UP = 50
BATCHES = 1000
EVENTS_IN_BATCH = 21
CLUSTERS_IN_BATCH = 8
EVENTS_IN_FULL = 8000
BOMB_BYTES = 770 << 20
MB = 1_000_000
# Time limit of one invocation in seconds; the function gets the same deadline.
TIMEOUT_SECONDS = 120


class Aws(http.server.ThreadingHTTPServer):
    """The runtime API, DynamoDB and S3, on one port."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.invocations = queue.Queue()
        self.requests = queue.Queue()
        self.answers = queue.Queue()
        self.calls = collections.Counter()
        self.count = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def answer(self, body=b"{}", **headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        aws = self.server
        if not self.path.endswith("/invocation/next"):
            return self.answer(b"")
        aws.requests.put(True)
        body = aws.invocations.get()
        if body is None:
            self.close_connection = True
            return None
        aws.count += 1
        return self.answer(
            body,
            Lambda_Runtime_Aws_Request_Id=f"request-{aws.count}",
            Lambda_Runtime_Deadline_Ms=str(int((time.time() + TIMEOUT_SECONDS) * 1000)),
            Lambda_Runtime_Invoked_Function_Arn="arn:aws:lambda:eu-central-1:111122223333:function:i",
        )

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        if target:
            operation = target.split(".")[-1]
            self.server.calls[operation] += 1
            empty = {"BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}}}.get(operation, {})
            return self.answer(json.dumps(empty).encode(),
                               Content_Type="application/x-amz-json-1.0")
        self.server.answers.put((self.path.rsplit("/", 1)[-1], body))
        return self.answer()

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls["PutObject"] += 1
        self.answer(b"", ETag='"x"')

    def log_message(self, *_):
        pass


class Function:
    """The running program."""

    def __init__(self, binary):
        self.aws = Aws()
        environment = {
            "_HANDLER": "ingest",
            "AWS_LAMBDA_RUNTIME_API": self.aws.address,
            "AWS_LAMBDA_FUNCTION_NAME": "ingest",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEEXAMPLE09",
            "AWS_SECRET_ACCESS_KEY": "EXAMPLE",
            "AWS_SESSION_TOKEN": "EXAMPLE",
            "AWS_ENDPOINT_URL": f"http://{self.aws.address}",
            "TABLE_NAME": "table",
            "BUCKET_NAME": "bucket",
        }
        self.child = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        self.aws.requests.get(timeout=TIMEOUT_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.aws.invocations.put(None)
        self.aws.shutdown()
        self.aws.server_close()

    def invoke(self, event):
        """Invokes the function, and returns when it requests the next invocation; an error ends the benchmark."""
        self.aws.invocations.put(event)
        kind, body = self.aws.answers.get(timeout=TIMEOUT_SECONDS)
        if kind != "response":
            sys.exit(f"bench-lambda: an invocation failed: {body.decode()[:500]}")
        self.aws.requests.get(timeout=TIMEOUT_SECONDS)

    def cpu(self):
        """Returns the CPU time of all threads of the program, in seconds."""
        tasks = pathlib.Path(f"/proc/{self.child.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self, field):
        """Returns a memory value of the program in bytes: VmRSS is the current memory, VmHWM the peak."""
        for line in pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise KeyError(field)


def record(number, cluster):
    """Returns the JSON text of a failed call of one of a few clusters. Its IDs are unique and compress as badly as real
    ones."""
    made_up = random.Random(number)
    event_id, request_id = (f"{made_up.getrandbits(128):032x}" for _ in range(2))
    event_id = "-".join((event_id[:8], event_id[8:12], event_id[12:16], event_id[16:20],
                         event_id[20:]))
    second = number // EVENTS_IN_BATCH % 3600
    role, service = f"app-{cluster % 3}", ("s3", "ec2", "sts", "kms")[cluster % 4]
    session = f"arn:aws:sts::111122223333:assumed-role/{role}/i-0{cluster:016x}"
    return json.dumps({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": f"AROAEXAMPLEEXAMPLE00{cluster % 3}:i-0",
            "arn": session, "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLEEXAMPLE02",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": f"AROAEXAMPLEEXAMPLE00{cluster % 3}",
                    "arn": f"arn:aws:iam::111122223333:role/{role}",
                    "accountId": "111122223333", "userName": role,
                },
                "attributes": {"creationDate": "2026-11-02T07:00:00Z", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": f"2026-11-02T08:{second // 60:02}:{second % 60:02}Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": f"DescribeThing{cluster}",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": f"192.0.2.{cluster}",
        "userAgent": "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64",
        "errorCode": "AccessDenied",
        "errorMessage": f"User: {session} is not authorized to perform: {service}:DescribeThing"
                        f"{cluster} on resource: arn:aws:{service}:eu-central-1:111122223333:"
                        f"thing/{cluster} because no identity-based policy allows the "
                        f"{service}:DescribeThing{cluster} action",
        "requestParameters": {"thingId": f"t-{number:012x}", "maxResults": 100},
        "responseElements": None,
        "additionalEventData": {
            "x-amz-id-2": base64.b64encode(made_up.randbytes(24)).decode(),
        },
        "requestID": request_id, "eventID": event_id,
        "readOnly": True, "eventType": "AwsApiCall", "managementEvent": True,
        "recipientAccountId": "111122223333", "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                       "clientProvidedHostHeader": f"{service}.eu-central-1.amazonaws.com"},
    }, separators=(",", ":"))


def event(numbers):
    """Returns a subscription event with the failed calls of these numbers."""
    events = [
        {"id": f"{number:056}", "timestamp": 1_793_606_580_000,
         "message": record(number, number % CLUSTERS_IN_BATCH)}
        for number in numbers
    ]
    return packed(gzip.compress(json.dumps({
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "trail",
        "logStream": "111122223333_CloudTrail_eu-central-1", "subscriptionFilters": ["errors"],
        "logEvents": events,
    }, separators=(",", ":")).encode(), 6))


def packed(data):
    return json.dumps({"awslogs": {"data": base64.b64encode(data).decode()}}).encode()


def batch(number):
    first = number * EVENTS_IN_BATCH
    return event(range(first, first + EVENTS_IN_BATCH))


def start(binary):
    """Measures starts, from the start of the program to its first request for an invocation."""
    cpus, memories = [], []
    for _ in range(STARTS):
        with Function(binary) as function:
            cpus.append(function.cpu() * 1e3)
            memories.append(function.memory("VmHWM") / MB)
    return [
        row(f"start, CPU (median of {STARTS})", statistics.median(cpus), "ms", 6),
        row("start, memory (the most)", max(memories), "MB", 12),
    ]


def batches(binary):
    """Measures many batches, one after another in one process."""
    with Function(binary) as function:
        times = []
        for number in range(BATCHES):
            before = function.cpu()
            function.invoke(batch(number))
            times.append((function.cpu() - before) * 1e3)
        calls = function.aws.calls
        memory = function.memory("VmRSS") / MB
    warm = times[WARM_UP:]
    rows = [
        row(f"a batch of {EVENTS_IN_BATCH} events, CPU (median)", statistics.median(warm), "ms",
            0.5),
        row(f"memory after {BATCHES} batches", memory, "MB", 16),
        row("the first batch, CPU", times[0], "ms", None),
    ]
    calls_each = ", ".join(f"{name} {count / BATCHES:.2f}" for name, count in sorted(calls.items()))
    return rows, f"Calls for each batch: {calls_each or 'none'}."


def full(binary):
    """Measures one payload of the maximum size."""
    with Function(binary) as function:
        function.invoke(batch(0))
        payload = event(range(1_000_000, 1_000_000 + EVENTS_IN_FULL))
        before = function.cpu()
        function.invoke(payload)
        return [
            row(f"{EVENTS_IN_FULL} events in {len(payload) / MB:.2f} MB, memory",
                function.memory("VmHWM") / MB, "MB", 64),
            row(f"{EVENTS_IN_FULL} events, CPU", (function.cpu() - before) * 1e3, "ms", None),
        ]


def bomb(binary):
    """Measures a small payload that decompresses to more than the function allows."""
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb", compresslevel=9) as file:
        for _ in range(BOMB_BYTES >> 20):
            file.write(b" " * (1 << 20))
    with Function(binary) as function:
        function.invoke(batch(0))
        base, before = function.memory("VmHWM"), function.cpu()
        function.invoke(packed(data.getvalue()))
        stored = function.aws.calls["PutObject"]
        return [
            row(f"a bomb of {BOMB_BYTES >> 20} MiB, memory above the base",
                (function.memory("VmHWM") - base) / MB, "MB", 16 * 1024 * 1024 / MB),
            row("a bomb, CPU", (function.cpu() - before) * 1e3, "ms", None),
        ], f"The bomb was stored in quarantine: {'yes' if stored == 1 else 'no'}."


def size(binary):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return [row("the program in a zip", len(data.getvalue()) / MB, "MB", 5)]


def row(what, value, unit, limit):
    goal = "" if limit is None else f"at most {limit:.3g} {unit}"
    met = "" if limit is None else "met" if value <= limit else "missed"
    return f"| {what} | {value:.2f} {unit} | {goal} | {met} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=pathlib.Path, required=True, help="Cargo's target folder")
    binary = parser.parse_args().target / "lambda" / "bootstrap"
    if not os.access(binary, os.X_OK):
        sys.exit(f"bench-lambda: {binary} does not exist; run `make bench-lambda`")
    rows, notes = [], []
    rows += start(binary)
    batch_rows, note = batches(binary)
    rows += batch_rows
    notes.append(note)
    rows += full(binary)
    bomb_rows, note = bomb(binary)
    rows += bomb_rows
    notes.append(note)
    rows += size(binary)
    print("\n".join(["| what | measured | goal | |", "|---|---|---|---|", *rows, "", *notes]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
