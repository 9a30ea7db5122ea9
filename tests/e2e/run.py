#!/usr/bin/env python3
"""Deploys template.yaml on an emulator of AWS on this machine and follows events through it.

    tests/e2e/run.py                       all tests
    tests/e2e/run.py -k schedule           those whose name contains a word
    tests/e2e/run.py --binaries DIR        with the binaries in DIR instead of building them
    tests/e2e/run.py --template            only what can be said of the template without deploying it

Needs Rust and python3; the rest is installed under target/. Nothing leaves this machine except those installs.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Told apart from failed tests by tests/tests/e2e.rs.
CANNOT_RUN = 3
sys.path[:0] = [str(HERE), str(ROOT / "infra")]


def in_environment():
    """Starts over with the python that has what the tests import."""
    import environment

    try:
        python = environment.ensure("e2e", HERE / "requirements.txt")
    except subprocess.CalledProcessError as error:
        print(f"the packages of tests/e2e/requirements.txt cannot be installed: {error}")
        sys.exit(CANNOT_RUN)
    if pathlib.Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", dest="words", action="append", metavar="WORD", help="only tests whose name contains it")
    parser.add_argument("--binaries", type=pathlib.Path, metavar="DIR", help="holds api, fanout, deliver and requeue")
    parser.add_argument("--template", action="store_true", help="only the checks of the template")
    options = parser.parse_args()
    in_environment()
    sys.dont_write_bytecode = True

    import unittest

    loader = unittest.TestLoader()
    if options.words:
        loader.testNamePatterns = [f"*{word}*" for word in options.words]
    import test_template

    suite = unittest.TestSuite([loader.loadTestsFromModule(test_template)])
    if not options.template:
        import test_pipeline
        import test_roles

        # The emulators' logs are left in target/e2e.log and target/e2e-roles.log.
        for module in (test_pipeline, test_roles):
            if options.binaries:
                module.build = lambda: options.binaries
            suite.addTests(loader.loadTestsFromModule(module))

    started = time.monotonic()
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"in {time.monotonic() - started:.0f} s")
    print(f"{max(0, result.testsRun - failed)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
