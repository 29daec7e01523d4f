#!/usr/bin/env python3
"""Checks the dependencies against the advisory database of RustSec, with cargo-deny.

The database is fetched. Where that is not possible, the copy of an earlier fetch is used, and where there is none, nothing is
checked: either is said in capital letters, and is no error.

Usage: advisories.py [FOLDER]    FOLDER is a clone of https://github.com/RustSec/advisory-db to use in place of a fetch
Exit codes: 0 no advisory applies, or nothing could be checked; 1 an advisory applies, or cargo-deny failed; 2 wrong usage.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What cargo-deny calls its copy of the database: the last part of the address, and a hash of it.
COPY = "advisory-db-3157b0e258782691"
# Parts of what cargo-deny says when the database cannot be fetched, and when there is no copy.
NO_FETCH = "failed to fetch advisory database"
NO_COPY = "failed to get 'FETCH_HEAD' metadata"


def main(arguments):
    if len(arguments) > 1:
        print("usage: advisories.py [FOLDER]", file=sys.stderr)
        return 2
    if arguments:
        return checked_with(pathlib.Path(arguments[0]))
    fetched = check()
    if NO_FETCH not in fetched.stderr:
        return printed(fetched)
    earlier = check("--offline")
    if NO_COPY in earlier.stderr:
        print("ADVISORIES WERE NOT CHECKED: the database cannot be reached, and there is no copy of it here")
        return 0
    print("ADVISORIES ARE THOSE OF AN EARLIER FETCH: the database cannot be reached")
    return printed(earlier)


def checked_with(clone):
    """Checks with a clone of the database, which is copied because cargo-deny locks and fetches into its own."""
    with tempfile.TemporaryDirectory() as folder:
        databases = pathlib.Path(folder) / "databases"
        subprocess.run(["git", "clone", "--quiet", clone, databases / COPY], check=True)
        (databases / COPY / ".git" / "FETCH_HEAD").touch()
        newest = subprocess.run(["git", "log", "-1", "--format=%cs %h"], cwd=databases / COPY, capture_output=True, text=True, check=True)
        print(f"advisories of {newest.stdout.strip()}")
        configuration = pathlib.Path(folder) / "deny.toml"
        text = (ROOT / "deny.toml").read_text(encoding="utf-8")
        configuration.write_text(re.sub(r"(?m)^\[advisories\]$", f'[advisories]\ndb-path = "{databases}"', text), encoding="utf-8")
        return printed(check("--offline", "--config", str(configuration)))


def check(*options):
    if shutil.which("cargo-deny") is None:
        sys.exit("cargo-deny is not installed: cargo install --locked cargo-deny")
    command = ["cargo", "deny", "--locked", *options, "check", "advisories"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def printed(ran):
    print((ran.stdout + ran.stderr).strip())
    return 1 if ran.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
