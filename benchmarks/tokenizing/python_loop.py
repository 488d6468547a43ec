"""A tokenizer as many write it; run by `benchmarks.tokenizing`."""

import json
import pathlib
import re
import sys
import time
import zipfile

from benchmarks.rounds import play_rounds

_WORDS = re.compile(r"[^\W_]+|[^\w\s]|_")


def main():
    """Tokenizes all texts, round by round."""
    folder = pathlib.Path(sys.argv[1])
    texts = json.loads((folder / "texts.json").read_text())
    with zipfile.ZipFile(folder / "words.keras") as archive:
        words = archive.read("assets/in0/vocabulary.txt").decode()
    lines = words.splitlines()
    ids = {word: id_ for id_, word in enumerate(lines)}

    def play():
        began, worked = time.perf_counter(), time.process_time()
        rows = [
            [ids.get(word, 1) for word in _WORDS.findall(text.lower())]
            for text in texts
        ]
        seconds = time.perf_counter() - began
        processor = time.process_time() - worked
        return {
            "amount": len(rows),
            "seconds": seconds,
            "processor": processor,
            "ids": [sum(map(len, rows)), sum(map(sum, rows))],
        }

    play_rounds(play)


if __name__ == "__main__":
    main()
