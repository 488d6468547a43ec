"""Pairs past one machine, on Apache Beam."""
