"""Files and folders on the disk: written whole, owned, one writer at a time."""
