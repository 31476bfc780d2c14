"""What takes how long, against the plain way, in the same run: ``python -m benchmarks NAME``."""
