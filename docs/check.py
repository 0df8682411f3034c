#!/usr/bin/env python3
"""Holds the documents against the repository: links, files that they name, variables that the programs know.

    python3 docs/check.py
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ["shared/src/config.rs", "command-service/src/config.rs", "query-service/src/config.rs"]
CONFIGURATION += ["segments/src/up/args.rs", "segments/src/import.rs"]
FILES = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
NAMES = ["/" + name for name in FILES.stdout.splitlines()]


def documents():
    """Every document with its text."""
    for path in [ROOT / "README.md", ROOT / "schemas/README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        yield path, path.read_text(encoding="utf-8")


def links_lead_somewhere():
    for path, text in documents():
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if "://" not in target and not (path.parent / target).exists():
                yield f"{path.relative_to(ROOT)}: {target} is not there"


def named_files_exist():
    """A document may leave out the beginning of a path. What begins with a slash is a path of the service."""
    for path, text in documents():
        for name in re.findall(r"`([\w.-][\w./-]*\.(?:rs|py|sh|js|toml|conf|yml|yaml|sql|json))`", text):
            if not any(known.endswith("/" + name) for known in NAMES):
                yield f"{path.relative_to(ROOT)}: no file is named {name}"


def every_variable_is_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for source in CONFIGURATION:
        for variable in re.findall(r'env = "([A-Z_]+)"', (ROOT / source).read_text(encoding="utf-8")):
            if f"`{variable}`" not in readme:
                yield f"README.md: {variable} of {source} is missing"


def every_decision_is_listed():
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs/adr").glob("[0-9]*.md"):
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split(". ", 1)
        if f"[{title[0]}]({page.name}) | {title[1]} |" not in index:
            yield f"docs/adr/README.md: {page.name} is missing or has another title"


def main():
    """Runs all checks."""
    checks = [links_lead_somewhere, named_files_exist, every_variable_is_in_the_readme, every_decision_is_listed]
    faults = [fault for check in checks for fault in check()]
    for fault in faults:
        print(f"docs: {fault}", file=sys.stderr)
    if not faults:
        print("docs: what they name is there")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
