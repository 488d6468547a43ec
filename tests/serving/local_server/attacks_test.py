"""Attacks of full size on the command, beside which it answers others."""

import contextlib
import gzip
import http.client
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.serving.local_server.models import write_adder

ROOT = pathlib.Path(__file__).parents[3]
BODY = b'{"instances": [1.0]}'

pytestmark = pytest.mark.slow


class Command:
    """A server of its own process, with 1,024 open files at most."""

    def __init__(self, folder):
        write_adder(folder / "m" / "1", 1)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = folder / "log"
        self.held = contextlib.ExitStack()
        words = f"{sys.executable} -m serving.local_server --port=0"
        flags = f"--model_base_path={folder}/m --rest_api_port={self.port}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", f"ulimit -n 1024; exec {words} {flags}"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert "REST" in self.process.stdout.readline()

    def hold(self, sent=b""):
        """Opens a connection and keeps it."""
        peer = socket.create_connection(("127.0.0.1", self.port), 60)
        self.held.enter_context(peer).sendall(sent)

    def seconds_to_answer(self):
        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        with contextlib.closing(connection):
            connection.request("POST", "/v1/models/default:predict", BODY)
            assert connection.getresponse().status == 200
        return time.monotonic() - start

    def peak_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.fixture
def command(tmp_path):
    command = Command(tmp_path)
    with command.held:
        yield command
    command.process.kill()
    command.process.communicate()


def post(body, length=None, headers=""):
    head = (
        "POST /v1/models/default:predict HTTP/1.1\r\nHost: x\r\n"
        f"{headers}Content-Length: {length or len(body)}\r\n\r\n"
    )
    return head.encode() + body


def zipped(body):
    return post(gzip.compress(body), headers="Content-Encoding: gzip\r\n")


def test_half_sent_bodies(command):
    for _ in range(128):
        command.hold(post(b'{"inst', 1000))
    for _ in range(5):
        assert command.seconds_to_answer() < 30


def test_idle_connections(command):
    for _ in range(1040):
        command.hold()
    for _ in range(5):
        assert command.seconds_to_answer() < 30
    assert command.log.stat().st_size < 10_000


def test_bodies_that_take_long_to_read(command):
    numbers = b",".join([b"1e300"] * 1_500_000)
    for _ in range(16):
        command.hold(zipped(b'{"instances": [%s]}' % numbers))
    for _ in range(5):
        assert command.seconds_to_answer() < 30


def test_memory_of_a_body(command):
    command.seconds_to_answer()
    before = command.peak_bytes()
    body = b'{"x":1e100,"instances":[%s1]}' % (b"1," * 9_900_000)
    command.hold(zipped(body))
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        command.seconds_to_answer()
        time.sleep(1)
    assert command.peak_bytes() - before < 20 * len(body)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(post(b'{"inst', 1000), id="half_a_body"),
        pytest.param(
            zipped(b'{"a":[%s1]}' % (b"[Inf]," * 3_000_000)), id="work"
        ),
    ],
)
def test_sigterm(command, sent):
    command.hold(sent)
    time.sleep(1)
    start = time.monotonic()
    command.process.send_signal(signal.SIGTERM)
    assert command.process.wait(90) == 0
    assert time.monotonic() - start < (30 if len(sent) < 1000 else 45)
