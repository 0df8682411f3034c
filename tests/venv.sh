#!/usr/bin/env bash
# A Python with the packages of a requirements file, made once and kept. Prints its path.
#
#   tests/venv.sh FOLDER REQUIREMENTS
set -euo pipefail

folder="$1" requirements="$2"
if ! cmp -s "$requirements" "$folder/installed.txt"; then
  python3 -m venv --clear "$folder" >&2
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2
  cp "$requirements" "$folder/installed.txt"
fi
echo "$folder/bin/python"
