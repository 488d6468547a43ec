"""The `o2v` commands: parse, call, print."""

import os
import sys
import warnings

from o2v_keras.command_line.option_groups import refuse_input_as_output
from o2v_keras.command_line.parser import make_parser
from o2v_keras.data.job_options import with_dashed_values
from o2v_keras.neighbors.extras import MissingExtraError
from o2v_keras.progress_lines import lines_on_stderr
from o2v_keras.registry import import_registering

# How an interrupted command goes on.
_HINTS = {
    "train": "; go on with --resume",
    "tune": "; go on with --resume",
    "convert": "; the same command goes on",
}

# A package that is not installed is among them: the message names it.
_USERS_ERRORS = (ValueError, OSError, MemoryError, MissingExtraError)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after `o2v`. Defaults to `None`: the process's own.

    Returns:
        The exit status: 0, 130 when interrupted, 75 when a connection was
        lost and the command may be given again, or 2 for a user's error,
        whose message goes to the standard error output.
    """
    options = make_parser().parse_args(with_dashed_values(arguments))
    if hasattr(sys.stdout, "reconfigure"):
        # Whoever watches a file sees each line when it is printed.
        sys.stdout.reconfigure(line_buffering=True)
    with warnings.catch_warnings(), lines_on_stderr():
        warnings.showwarning = _once_each()
        warnings.simplefilter("default", UserWarning)
        try:
            for module in options.modules:
                import_registering(module)
            refuse_input_as_output(options)
            return options.run(options) or 0
        except ConnectionError as error:
            print(f"o2v {options.command}: {error}", file=sys.stderr)
            return os.EX_TEMPFAIL
        except _USERS_ERRORS as error:
            print(f"o2v {options.command}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            hint = _HINTS.get(options.command, "")
            message = f"o2v {options.command}: interrupted{hint}"
            print(message, file=sys.stderr)
            return 130


def _once_each():
    """Returns what prints a warning, unless one of the same words came."""
    shown = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = f"warning: {message}"
        if text not in shown:
            shown.add(text)
            print(text, file=sys.stderr)

    return show


if __name__ == "__main__":
    sys.exit(main())
