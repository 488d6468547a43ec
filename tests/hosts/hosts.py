"""Hosts with names and addresses of their own, on one machine.

Each is a network namespace. A namespace that stands for a switch joins them;
nothing leads out of it.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess

_FOLDER = pathlib.Path("/etc/netns")


class Host:
    """A host of `make_hosts`.

    Args:
        name: What `hostname` prints.
        namespace: Its network namespace.
        port: Its port at the switch, a device in the namespace `switch`.
    """

    def __init__(self, name, namespace, port, switch):
        self.name = name
        self._namespace = namespace
        self._port = port
        self._switch = switch

    def start(self, command, **settings):
        """Starts a process on the host; returns its `Popen`."""
        return subprocess.Popen(
            [
                *("ip", "netns", "exec", self._namespace),
                *("unshare", "--uts", "sh", "-c"),
                *('hostname "$0" && exec "$@"', self.name),
                *map(os.fspath, command),
            ],
            **settings,
        )

    def cut_off(self):
        """Pulls the plug of its network."""
        _ip("-n", self._switch, "link", "set", self._port, "down")

    def connect(self):
        """Puts the plug back."""
        _ip("-n", self._switch, "link", "set", self._port, "up")


@contextlib.contextmanager
def make_hosts(names):
    """Yields hosts that find each other by name, and removes them.

    Args:
        names: Their full names; `hostname` prints the first part of each.
    """
    prefix = f"o2v-{os.getpid()}"
    switch = f"{prefix}-switch"
    addresses = [f"10.77.0.{number}" for number in range(1, len(names) + 1)]
    lines = ["127.0.0.1 localhost"]
    for name, address in zip(names, addresses, strict=True):
        lines.append(f"{address} {name} {name.partition('.')[0]}")
    with contextlib.ExitStack() as stack:
        _add_namespace(switch, stack)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        hosts = []
        for index, (name, address) in enumerate(
            zip(names, addresses, strict=True)
        ):
            namespace, port = f"{prefix}-{index}", f"port{index}"
            _add_namespace(namespace, stack)
            folder = _FOLDER / namespace
            folder.mkdir(parents=True)
            stack.callback(shutil.rmtree, folder)
            # `ip netns exec` puts it in the place of /etc/hosts.
            (folder / "hosts").write_text("\n".join([*lines, ""]))
            _ip(
                *("link", "add", port, "netns", switch, "type", "veth"),
                *("peer", "name", "eth0", "netns", namespace),
            )
            _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", switch, "link", "set", port, "master", "bridge", "up")
            for device in ("lo", "eth0"):
                _ip("-n", namespace, "link", "set", device, "up")
            host = Host(name.partition(".")[0], namespace, port, switch)
            hosts.append(host)
        yield hosts


def why_no_hosts():
    """Returns why hosts cannot be made here, or `None`."""
    for program in ("ip", "unshare"):
        if shutil.which(program) is None:
            return f"no program `{program}` (Debian: iproute2, util-linux)"
    try:
        with make_hosts(["probe"]) as (host,), host.start(["true"]) as process:
            status = process.wait()
    except (OSError, subprocess.CalledProcessError) as error:
        words = getattr(error, "stderr", None) or str(error)
        return f"`ip netns` does not work here: {words.strip()}"
    return f"`ip netns exec` ended with status {status}" if status else None


def _add_namespace(name, stack):
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "del", name)


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
