"""Our tokenizers; run by `benchmarks.tokenizing` with folder and kind."""

# ruff: noqa: E402

import json
import pathlib
import sys
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

from benchmarks.rounds import play_rounds
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.encode_texts import encode_texts


def main():
    """Tokenizes all texts, round by round."""
    folder, kind = sys.argv[1:]
    texts = json.loads(pathlib.Path(folder, "texts.json").read_text())
    tokenizer = PairTokenizers.load(f"{folder}/{kind}.keras").in0

    def play():
        began, worked = time.perf_counter(), time.process_time()
        rows = encode_texts(tokenizer, texts)
        seconds = time.perf_counter() - began
        processor = time.process_time() - worked
        return {
            "amount": len(rows),
            "seconds": seconds,
            "processor": processor,
            "ids": [len(rows.values), int(rows.values.sum())],
        }

    play_rounds(play)


if __name__ == "__main__":
    main()
