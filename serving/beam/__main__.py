"""`python -m serving.beam`: the same as `o2v beam`."""

import sys
from collections.abc import Sequence

from o2v_keras.command import run_alone
from serving.beam.commands import add_commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `o2v beam` with these words, or those of the process."""
    return run_alone(add_commands, "beam", arguments)


if __name__ == "__main__":
    sys.exit(main())
