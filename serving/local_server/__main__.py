"""`python -m serving.local_server`: the same as `o2v serve`."""

import sys
from collections.abc import Sequence

from o2v_keras.command import run_alone
from serving.local_server.command import add_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `o2v serve` with these words, or those of the process."""
    return run_alone(add_command, "serve", arguments)


if __name__ == "__main__":
    sys.exit(main())
