"""Jobs over corpora past one machine, on Apache Beam."""
