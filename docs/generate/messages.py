"""The data errors, with the advice that the check gives."""

from o2v_keras.data.read.record import ADVICE


def data_errors() -> str:
    """Returns the rows of a table of errors and cures, as Markdown."""
    rows = [f"| {kind} | {advice} |" for kind, advice in ADVICE.items()]
    return "\n".join(rows)
