"""The commands `o2v beam embed` and `o2v beam predict`."""

import sys

from o2v_keras.command import SERVE
from o2v_keras.command import Commands
from o2v_keras.data.beam.commands import add_beam_command
from serving.signatures import IN0
from serving.signatures import IN1

_BAD_ROWS = 3
_STATUS = (
    "Exit status: 0 all rows answered, 3 some rows are bad, 2 the job cannot "
    "run."
)


def add_commands(commands: Commands) -> None:
    """Adds the jobs on an export."""
    embed = _job(commands, "embed", "write one side's embeddings of a corpus")
    embed.add_argument("--side", required=True, choices=(IN0, IN1))
    predict = _job(commands, "predict", "write the scores of a corpus of pairs")
    predict.set_defaults(side=None)


def _job(commands, name, summary):
    parser = add_beam_command(commands, name, _run, summary, SERVE, _STATUS)
    parser.add_argument(
        "--model",
        required=True,
        metavar="DIR",
        help="an export's version directory, or its base directory",
    )
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        metavar="F",
        help="files or globs: .jsonl, .jsonl.gz, .jsonl.zst",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="PREFIX",
        help="shards are PREFIX-00000-of-00012.jsonl",
    )
    parser.add_argument(
        "--format", choices=("jsonl", "parquet"), default="jsonl"
    )
    parser.add_argument(
        "--id-field",
        metavar="NAME",
        help="field of the records that names a row; default: its file and "
        "line",
    )
    parser.add_argument(
        "--shards", type=int, default=0, metavar="N", help="default: Beam's"
    )
    parser.add_argument("--batch-size", type=int, default=256, metavar="N")
    parser.add_argument(
        "--window",
        type=int,
        default=4096,
        metavar="N",
        help="rows sent to a worker and sorted by length together",
    )
    return parser


def _run(options, beam_options):
    from serving.beam.answer_corpus import CorpusJob
    from serving.beam.answer_corpus import answer_corpus
    from serving.beam.corpus_files import corpus_files

    job = CorpusJob(
        files=corpus_files(options.input),
        model=options.model,
        output=options.output,
        side=options.side,
        format=options.format,
        shards=options.shards,
        id_field=options.id_field,
        batch_size=options.batch_size,
        window=options.window,
    )
    rows, bad = answer_corpus(job, beam_options)
    print(f"{rows} rows, {bad} bad", file=sys.stderr)
    if not bad:
        return 0
    told = f"{options.output}.bad_rows-*.jsonl"
    print(f"bad rows are listed in {told}", file=sys.stderr)
    return _BAD_ROWS
