"""The command `o2v`: the package's own commands and those of its peers."""

import importlib.metadata
import sys
from collections.abc import Sequence

from o2v_keras.command import Commands
from o2v_keras.command_line.parser import add_commands

# `export` and `serving` stand above this package, which imports neither; the
# installed package names them.
_PEERS = "o2v.commands"
_NOT_INSTALLED = (
    "This copy of o2v_keras is not installed, so that the commands that "
    "export and serve are missing. In its folder, run: pip install -e ."
)


def make_commands() -> Commands:
    """Returns all commands."""
    peers = importlib.metadata.entry_points(group=_PEERS)
    commands = Commands(note="" if peers else _NOT_INSTALLED)
    add_commands(commands)
    for peer in peers:
        peer.load()(commands)
    return commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after `o2v`. Defaults to `None`: the process's own.

    Returns:
        The exit status, as `Commands.run` returns it.
    """
    return make_commands().run(arguments)


if __name__ == "__main__":
    sys.exit(main())
