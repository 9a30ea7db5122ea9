#!/usr/bin/env python3
"""Makes a virtual environment under target/ from a list of pinned packages, once.

    infra/environment.py NAME REQUIREMENTS

prints the path of its python. The environment is made again when the list changes. Needs the standard library only.
"""

import fcntl
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def ensure(name, requirements):
    wanted = pathlib.Path(requirements).read_text()
    place = ROOT / "target" / f"venv-{name}"
    python, stamp = place / "bin" / "python", place / "requirements.txt"
    place.parent.mkdir(exist_ok=True)
    # Two test runs may want the same environment at the same time.
    with open(place.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        print(f"making {place.relative_to(ROOT)}", file=sys.stderr, flush=True)
        shutil.rmtree(place, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(place)])
        run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)])
        stamp.write_text(wanted)
    return python


def run(command):
    # Standard output is for the answer.
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    print(ensure(*sys.argv[1:3]))
