#!/usr/bin/env bash
# Holds the documents of the contract against their specifications: openapi.json with a validator from PyPI, asyncapi.yaml and
# every schema that it names with the parser of the AsyncAPI initiative from npm.
#
#   schemas/check.sh        needs python3 with venv, node 18 or later, npm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python="$(tests/venv.sh target/venv-schemas schemas/check/requirements.txt)"
"$python" -m openapi_spec_validator schemas/openapi.json

cd schemas/check
if ! cmp -s package-lock.json node_modules/installed.json; then
  npm ci --ignore-scripts --no-audit --no-fund --silent
  cp package-lock.json node_modules/installed.json
fi
node asyncapi.mjs ../asyncapi.yaml
