#!/bin/bash
# trees_test.sh TOOL CORPUS: our own device trees (tests/trees), each beside libfdt, booted in every mode, and held against
# what its first lines expect. The last line is `N passed, N failed`.
here=$(dirname "$(readlink -f "$0")")
exec python3 "$here/own_trees.py" "$1"
