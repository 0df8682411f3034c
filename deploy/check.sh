#!/usr/bin/env bash
# Checks what is deployed without deploying it: docker-compose.yml against the Compose Specification and against the
# programs, and the gateway with a real nginx.
#
#   deploy/check.sh        needs nginx and python3 with venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=target/venv-deploy
if ! cmp -s deploy/tests/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r deploy/tests/requirements.txt
  cp deploy/tests/requirements.txt "$venv/installed.txt"
fi

if docker compose version >/dev/null 2>&1; then
  docker compose config --quiet
  echo "compose: accepted by docker compose"
fi
"$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose.yml
"$venv/bin/python" deploy/tests/compose.py
"$venv/bin/python" deploy/tests/gateway.py
