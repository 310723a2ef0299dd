#!/bin/sh
# The foreign vectors as a suite of tests/run.py.
exec python3 "$(dirname "$0")/run_vectors.py"
