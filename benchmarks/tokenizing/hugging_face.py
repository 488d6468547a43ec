"""HuggingFace `tokenizers` with our word pieces.

Run by `benchmarks.tokenizing` with a folder, in an interpreter that has
`tokenizers` and nothing of ours but `rounds`.
"""

import json
import pathlib
import sys
import time
import zipfile

import tokenizers
from tokenizers import normalizers
from tokenizers import pre_tokenizers
from tokenizers.models import WordPiece

from benchmarks.rounds import play_rounds


def main():
    """Tokenizes all texts, round by round."""
    folder = pathlib.Path(sys.argv[1])
    texts = json.loads((folder / "texts.json").read_text())
    with zipfile.ZipFile(folder / "wordpiece.keras") as archive:
        words = archive.read("assets/in0/vocabulary.txt").decode()
    lines = words.splitlines()
    tokenizer = tokenizers.Tokenizer(
        WordPiece(
            {piece: id_ for id_, piece in enumerate(lines)}, unk_token="[UNK]"
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    def play():
        began, worked = time.perf_counter(), time.process_time()
        # The faster of its ways: on all cores, without offsets.
        rows = [row.ids for row in tokenizer.encode_batch_fast(texts)]
        seconds = time.perf_counter() - began
        processor = time.process_time() - worked
        return {
            "version": tokenizers.__version__,
            "amount": len(rows),
            "seconds": seconds,
            "processor": processor,
            "ids": [sum(map(len, rows)), sum(map(sum, rows))],
        }

    play_rounds(play)


if __name__ == "__main__":
    main()
