"""Starts and stops an emulator of AWS: a process, a port and a temporary folder, all removed at the end.

ministack runs the real binary of a function with the credentials of its role, and enforces the role's policy. moto and
dynalite are independent of it and of each other. CONTRIBUTING.md lists where they differ from AWS.
"""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3
from botocore.config import Config

REGION = "eu-central-1"
START_SECONDS, STOP_SECONDS = 60, 10

# Credentials of no real account; nothing from this machine's configuration of AWS is used.
NO_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "SAM_CLI_TELEMETRY": "0",
}


def without_aws():
    """Returns the environment of this process without real credentials and settings of AWS; enough for a build."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | NO_ACCOUNT


def without_proxies(environment):
    return {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}


class Emulator:
    """A running emulator. Its clients are started with `environment`. Each subclass defines how to start the process."""

    health = "/"

    def __init__(self, command, folder):
        self.name, self.folder = pathlib.Path(command).name, pathlib.Path(folder)
        self.clients = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = without_proxies(without_aws()) | {"AWS_ENDPOINT_URL": self.url}
        self.log_path = self.folder / f"{self.name}.log"
        with self.log_path.open("wb") as log:
            # In a session of its own, so that `stop` also ends the functions that the emulator starts.
            self.process = subprocess.Popen(
                [*self.command_line(command), *self.arguments()], env=self.environment | self.variables(), cwd=self.folder, stdout=log, stderr=log,
                start_new_session=True,
            )

    def command_line(self, command):
        return [command]

    def arguments(self):
        return []

    def variables(self):
        return {}

    def wait_until_it_answers(self):
        """Waits until the emulator answers; raises RuntimeError if it ends before or needs more than START_SECONDS."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url + self.health, timeout=2)
                return
            time.sleep(0.1)
        raise RuntimeError(f"the emulator does not answer at {self.url}:\n{self.log()}")

    def client(self, service):
        """Returns a client of a service with the rights of the account's owner. Cached: creating a client is slow."""
        if service not in self.clients:
            self.clients[service] = self.client_of(service, "test", "test")
        return self.clients[service]

    def client_of(self, service, key, secret):
        """Returns a client of a service with this access key and secret."""
        session = boto3.Session(key, secret, region_name=REGION)
        config = Config(connect_timeout=5, read_timeout=120, retries={"total_max_attempts": 2}, proxies={})
        return session.client(service, endpoint_url=self.url, config=config)

    def log(self, lines=60):
        """Returns the last lines of the emulator's log."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self):
        """Ends the emulator and all processes of its session, and no others."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)


class Ministack(Emulator):
    health = "/_ministack/health"

    def variables(self):
        return {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",
            "TMPDIR": str(self.folder),
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
        }


class Moto(Emulator):
    health = "/moto-api/"

    def arguments(self):
        return ["--host", "127.0.0.1", "--port", str(self.port)]


class Dynalite(Emulator):
    """DynamoDB alone."""

    def arguments(self):
        return ["--host", "127.0.0.1", "--port", str(self.port), "--createTableMs", "0"]


# The classes by the names of their commands.
KINDS = {"ministack": Ministack, "moto_server": Moto, "dynalite": Dynalite}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command):
    """Yields the emulator of a command and stops it at the end, also after an error, SIGTERM or Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="inspector-e2e-") as folder:
        emulator = KINDS[pathlib.Path(command).name](command, folder)
        try:
            emulator.wait_until_it_answers()
            yield emulator
        finally:
            # A second signal must not interrupt the cleanup.
            for again in (signal.SIGINT, signal.SIGTERM):
                signal.signal(again, signal.SIG_IGN)
            emulator.stop()
