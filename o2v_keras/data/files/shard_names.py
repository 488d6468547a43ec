"""Names of shards, which say how many there are."""

import re
from collections import defaultdict
from collections.abc import Sequence

MANIFEST = "_manifest.json"

_SHARD = re.compile(r"(?P<stem>.*?)(?P<number>\d+)-of-(?P<count>\d+)[^.]*")


def missing_shards(names: Sequence[str], manifest: dict) -> list[str]:
    """Lists the shards that should lie beside others, by name.

    Args:
        names: Names of the files of a folder. Shards are those such as
            `pairs-00001-of-00003.tfrecord`, numbered from 0 or 1.
        manifest: What the folder's `_manifest.json` holds. Files that its
            `shards` name should be there, too.

    Returns:
        list of str, sorted.

    Example:
    >>> missing_shards(["a-00000-of-00003.gz", "a-00002-of-00003.gz"], {})
    ['a-00001-of-00003.gz']
    """
    numbers = defaultdict(set)
    for name in names:
        if shard := _SHARD.match(name):
            ending = name[shard.end() :]
            found = shard["stem"], shard["count"], ending
            numbers[found].add(int(shard["number"]))
    missing = {shard["file"] for shard in manifest.get("shards", ())}
    missing -= set(names)
    for (stem, count, ending), found in numbers.items():
        first = int(int(count) in found)
        expected = range(first, int(count) + first)
        missing |= {
            f"{stem}{number:0{len(count)}d}-of-{count}{ending}"
            for number in set(expected) - found
        }
    return sorted(missing)
