"""The commands `o2v beam check`, `vocabulary` and `convert`."""

import argparse
import ctypes
import difflib
import logging
import re
import sys
from collections.abc import Callable
from collections.abc import Mapping

from o2v_keras.command import DATA
from o2v_keras.command import USER_ERROR
from o2v_keras.command import CommandError
from o2v_keras.command import Commands
from o2v_keras.data.job_options import add_check_options
from o2v_keras.data.job_options import add_record_options
from o2v_keras.data.job_options import add_vocabulary_options
from o2v_keras.data.job_options import config_of
from o2v_keras.start_tensorflow import start_tensorflow

_NO_BEAM = (
    "Apache Beam is not installed. Install it in an environment of its own: "
    "pip install -r requirements-beam.txt"
)
_NO_DASK = (
    "--runner DaskRunner loses all but one output of a step that has several, "
    "so rows would be missing. Take another runner, such as FlinkRunner."
)
_WORKERS_ERROR = re.compile(
    r"(?:Data|Value)Error: ((?:(?!Error: ).)*?) \[while running", re.DOTALL
)
_THIS_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
_SECONDS_FOR_ANSWER = 15
# Of `difflib`: a letter too many, too few or unlike is above it.
_ALIKE = 0.85
_M_MMAP_THRESHOLD = -3  # As malloc.h of glibc has it.
_EPILOG = (
    "Files or globs in, one file a worker, so keep a corpus in many files. All "
    "other options are Beam's, such as --runner FlinkRunner; without --runner "
    "this process does the work."
)


def add_beam_command(
    commands: Commands,
    name: str,
    action: Callable[[argparse.Namespace, object], int | None],
    summary: str,
    group: str,
    epilog: str = "",
    arguments: Mapping[str, str] | None = None,
) -> argparse.ArgumentParser:
    """Adds a command `o2v beam ...`, which passes unknown options to Beam.

    Args:
        commands: `Commands`.
        name: Word after `o2v beam`.
        action: Called with the options and Beam's `PipelineOptions`; returns
            the exit status.
        summary: One phrase for the help.
        group: Group in the help.
        epilog: End of the help, after the sentence on Beam's options.
            Defaults to nothing.
        arguments: As in `Commands.add`. Defaults to `None`.
    """
    parser = commands.add(
        f"beam {name}",
        lambda options: _run(action, options, parser),
        summary,
        group,
        passes_on=True,
        arguments=arguments,
        allow_abbrev=False,
        epilog=f"{_EPILOG} {epilog}",
    )
    return parser


def _run(action, options, parser):
    _give_back_freed_memory()
    start_tensorflow()
    _import_beam()
    import grpc
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.options.pipeline_options import StandardOptions

    _refuse_misspelt(options.passed_on, parser)
    # Beam waits minutes for a job server that is not there. An option that is
    # given twice has its last value.
    patience = f"--job_server_timeout={_SECONDS_FOR_ANSWER}"
    beam_options = PipelineOptions([patience, *options.passed_on])
    standard = beam_options.view_as(StandardOptions)
    # DirectRunner would do the same, but tries to download Prism first.
    standard.runner = standard.runner or _THIS_PROCESS
    if standard.runner.endswith("DaskRunner"):
        raise CommandError(_NO_DASK)
    try:
        return action(options, beam_options)
    except RuntimeError as error:
        # Beam raises it for a failed job.
        raise CommandError(_users_error(str(error))) from error
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        is_call = isinstance(error, grpc.RpcError)
        details = error.details() if is_call else "no answer"
        raise CommandError(
            f"The engine's job server must run and be reached: {details}. "
            f"Received: {' '.join(options.passed_on)}"
        ) from error


def add_beam_commands(commands: Commands) -> None:
    """Adds `o2v beam check`, `vocabulary` and `convert`."""
    check = _job(
        commands, "check", _check, "check a corpus, as `o2v check` does", "file"
    )
    add_check_options(check)

    words = _job(
        commands,
        "vocabulary",
        _vocabulary,
        "number the words of a corpus, as `o2v vocabulary` does",
        "file",
    )
    words.add_argument("--columns", nargs="+", required=True, metavar="C")
    add_vocabulary_options(words)

    converter = _job(
        commands,
        "convert",
        _convert,
        "write a corpus as TFRecord, as `o2v convert` does",
        "folder",
    )
    converter.add_argument(
        "--shards", type=int, default=0, metavar="N", help="default: Beam's"
    )
    add_record_options(converter)


def _refuse_misspelt(words, parser):
    """Refuses options that Beam does not know and that are nearly ours.

    Others are passed on: an engine has options of its own.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    known = PipelineOptions([]).get_all_options()
    ours = re.findall(r"--[a-z0-9-]+", parser.format_usage())
    for word in words:
        option = word.partition("=")[0]
        if option.removeprefix("--").replace("-", "_") in known:
            continue
        close = difflib.get_close_matches(option, ours, 1, _ALIKE)
        if option.startswith("--") and close:
            raise CommandError(
                f"Neither this job nor Beam knows {option}. Did you mean "
                f"{close[0]}?"
            )


def _give_back_freed_memory():
    """Makes glibc return large blocks to the system when they are freed.

    With `--environment_type LOOPBACK` this process is the worker. Beam sends
    and receives blocks of 10 MB. By default glibc keeps such blocks once one
    was freed, and a worker kept 300 MB of them that it did not use.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1 << 20)


def _job(commands, name, action, summary, output):
    parser = add_beam_command(commands, name, action, summary, DATA)
    parser.add_argument("--input", nargs="+", required=True, metavar="F")
    parser.add_argument("--output", required=True, help=output)
    return parser


def _import_beam():
    # Beam warns of missing BigQuery libraries, which no job here needs.
    logging.disable(logging.WARNING)
    try:
        import apache_beam  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "apache_beam":
            raise
        raise CommandError(_NO_BEAM) from None
    finally:
        logging.disable(logging.NOTSET)
    # Errors of workers are raised here, too: no second log.
    for name in ("common", "worker.sdk_worker"):
        logger = logging.getLogger(f"apache_beam.runners.{name}")
        logger.setLevel(logging.CRITICAL)
    # What an engine says comes from the root logger itself.
    logging.getLogger().addFilter(_has_no_traceback)


def _has_no_traceback(record):
    return "Traceback" not in record.getMessage()


def _users_error(text):
    """Returns what a worker said of the data, if that is why a job failed."""
    *_, found = [None, *_WORKERS_ERROR.findall(text)]
    return found or text


def _check(options, beam_options):
    from apache_beam.io.filesystems import FileSystems

    from o2v_keras.data.beam.statistics import write_statistics
    from o2v_keras.data.read.paths import expand_paths

    write_statistics(
        expand_paths(options.input),
        config_of(options),
        options.training,
        options.output,
        beam_options,
    )
    with FileSystems.open(options.output) as file:
        text = file.read().decode()
    print(text, end="")
    return USER_ERROR if "\nerror: " in text else 0


def _vocabulary(options, beam_options):
    from o2v_keras.data.beam.vocabulary import write_vocabulary
    from o2v_keras.data.read.paths import expand_paths
    from o2v_keras.text.text_columns import check_text_files
    from o2v_keras.text.vocabulary_files import check_vocabulary_ending

    check_vocabulary_ending(options.output)
    files = expand_paths(options.input)
    check_text_files(files, options.columns)
    write_vocabulary(
        files,
        options.columns,
        options.output,
        beam_options,
        min_count=options.min_count,
        max_size=options.max_size,
        hash_buckets=options.hash_buckets,
    )
    print(options.output)


def _convert(options, beam_options):
    from o2v_keras.data.beam.convert import write_tfrecord
    from o2v_keras.data.read.paths import expand_paths

    rows, left_out = write_tfrecord(
        expand_paths(options.input),
        options.output,
        beam_options,
        shards=options.shards,
        compression=options.compression,
        sides=[options.side] if options.side else ["in0", "in1"],
        label=not options.unlabelled,
        skip_bad_rows=options.skip_bad_rows,
    )
    print(f"{rows:,} rows: {options.output}")
    if left_out:
        print(
            f"warning: {left_out:,} of {rows + left_out:,} rows have errors "
            f"and are left out; {options.output}/_rejected_rows-* holds them "
            f"with the reasons.",
            file=sys.stderr,
        )
