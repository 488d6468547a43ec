"""`python -m export`: the same as `o2v export`."""

import sys
from collections.abc import Sequence

from export.commands import add_commands
from o2v_keras.command import run_alone


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `o2v export` with these words, or those of the process."""
    return run_alone(add_commands, "export", arguments)


if __name__ == "__main__":
    sys.exit(main())
