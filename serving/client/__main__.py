"""`python -m serving.client`: the same as `o2v client`."""

import sys
from collections.abc import Sequence

from o2v_keras.command import run_alone
from serving.client.command import add_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `o2v client` with these words, or those of the process."""
    return run_alone(add_command, "client", arguments)


if __name__ == "__main__":
    sys.exit(main())
