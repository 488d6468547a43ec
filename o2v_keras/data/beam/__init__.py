"""Jobs on Apache Beam, for corpora too large for one machine."""
