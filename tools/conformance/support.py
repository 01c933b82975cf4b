# SPDX-License-Identifier: Apache-2.0
"""What the programs beside this file share: the server under test, tools to fetch, and a count of checks."""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import venv

TOOLS = pathlib.Path(__file__).resolve().parent.parent
PATTERN = bytes(range(251))
START_SECONDS_MAX = 15
STOP_SECONDS_MAX = 15


class Failed(Exception):
    """A check did not find what it wants; the text says what it found."""


class Skip(Exception):
    """A check cannot be made here; the text says why."""


def pattern(count):
    """The content of /bytes/COUNT."""
    return (PATTERN * (count // 251 + 1))[:count]


def want(condition, found):
    """Fails the check where the condition does not hold."""
    if not condition:
        raise Failed(found if isinstance(found, str) else repr(found)[:300])


class Checks:
    """Runs checks one by one, prints those that fail and counts all."""

    def __init__(self, program, only=None):
        self.program, self.only = program, only
        self.passed = self.failed = self.skipped = 0

    def run(self, name, function, *arguments):
        """Runs one check; anything it throws is its failure."""
        if self.only and not re.search(self.only, name):
            return
        try:
            function(*arguments)
        except Skip as skip:
            self.skipped += 1
            print(f"skipped: {name}: {skip}", flush=True)
            return
        except Failed as failure:
            problem = str(failure)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            problem = f"{type(error).__name__}: {error} ({pathlib.Path(where.filename).name}:{where.lineno})"
        else:
            self.passed += 1
            if os.environ.get("VERBOSE"):
                print(f"passed: {name}", flush=True)
            return
        self.failed += 1
        print(f"failed: {name}: {problem}", flush=True)

    def finish(self):
        """Prints the last line; returns the exit status."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}")
        return 1 if self.failed or not self.passed else 0


class Server:
    """The test application, started here or running already."""

    def __init__(self, host, http, https, authority=None, process=None, directory=None):
        self.host, self.http, self.https = host, http, https
        self.authority, self.process, self.directory = authority, process, directory

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def resident_kib(self):
        """The process's memory in KiB, None where it was not started here."""
        if not self.process:
            return None
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return None

    def stop(self, checks):
        """Ends what was started; that it ends well is a check."""
        if not self.process:
            return
        checks.only = None
        checks.run("SIGTERM ends the server in time and with success", self._stop)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _stop(self):
        want(self.process.poll() is None, f"the server ended by itself, with {self.process.returncode}")
        self.process.terminate()
        try:
            status = self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"it still ran after {STOP_SECONDS_MAX} s") from None
        want(status == 0, f"it ended with {status}")


def make_certificate(directory, *names, rsa=False):
    """A certificate and key by tools/dev-cert; returns their paths and the authority's."""
    options = ["--rsa"] if rsa else []
    names = names or ("localhost", "127.0.0.1", "::1")
    command = [TOOLS / "dev-cert", *options, "--directory", directory, *names]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    stem = names[0].replace("*", "_").replace(":", "-")
    directory = pathlib.Path(directory)
    return directory / f"{stem}.pem", directory / f"{stem}.key", directory / "authority.pem"


def start(program, *options):
    """Starts the test application with a cleartext and a TLS listener on free ports of loopback."""
    directory = tempfile.mkdtemp(prefix="httpring-conformance-")
    certificate, key, authority = make_certificate(directory)
    command = [
        program, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--cert", certificate, "--key", key, *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(START_SECONDS_MAX)
    line = process.stdout.readline()
    signal.alarm(0)
    ready = re.search(r"http=127\.0\.0\.1:(\d+) https=127\.0\.0\.1:(\d+)", line)
    if not ready:
        process.kill()
        process.wait()
        sys.exit(f"{program} did not get ready, it said {line!r}")
    return Server("127.0.0.1", int(ready[1]), int(ready[2]), str(authority), process, directory)


def arguments(description, add=None):
    """The options that every program here has, and its own."""
    usage = description.split("usage: ")[1].split("\n\n")[0]
    parser = argparse.ArgumentParser(usage=usage, add_help=False)
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--https", type=int)
    parser.add_argument("--http", type=int)
    parser.add_argument("target", nargs="*")
    if add:
        add(parser)
    options = parser.parse_args()
    if options.help:
        print(description.strip())
        sys.exit(0)
    if len(options.target) != 1 or ((options.http or options.https) and "/" in options.target[0]):
        parser.error("give the test application, or a host with --http PORT and --https PORT")
    return options


def target(options, *settings):
    """The server that the command line names: started now, or running already."""
    if options.http or options.https:
        return Server(options.target[0], options.http, options.https)
    return start(options.target[0], *settings)


def cache():
    """Where installed tools are kept."""
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return base / "httpring" / "conformance"


def environment(name, *packages):
    """The Python of a virtual environment with these packages, made the first time."""
    place = cache() / name
    stamp = place / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(packages):
        print(f"installing {', '.join(packages)} into {place}", file=sys.stderr)
        venv.create(place, with_pip=True, clear=True)
        command = [place / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(command, check=True, timeout=600)
        stamp.write_text("\n".join(packages))
    return place / "bin" / "python"


def within(name, *packages):
    """Goes on in a virtual environment with these packages: starts this program again in it."""
    python = environment(name, *packages)
    if pathlib.Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [python, *sys.argv])


def debian(program, package):
    """The path of a program, installed with apt where it is missing; None where that fails."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=search)
    if found:
        return found
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y", "--no-install-recommends"]
    print(f"installing {package}", file=sys.stderr)
    subprocess.run([*root, *command, package], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
    return shutil.which(program, path=search)


def needs(program, package):
    """The path of a program of a Debian package; skips the check where it cannot be had."""
    found = debian(program, package)
    if not found:
        raise Skip(f"there is no {program} (Debian package {package})")
    return found


def call(*command, seconds=60, data=None, merged=True):
    """Runs a program to its end and returns its status and what it printed."""
    result = subprocess.run(
        [str(part) for part in command], input=data, stdin=subprocess.DEVNULL if data is None else None,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merged else subprocess.DEVNULL, timeout=seconds,
    )
    return result.returncode, result.stdout.decode(errors="replace")


def version(*command):
    """The first line that a program says of its version."""
    try:
        lines = call(*command, seconds=20)[1].strip().splitlines()
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return lines[0] if lines else "unknown"


def until(condition, seconds, step=0.05):
    """Waits for something to hold; whether it did in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(step)
    return condition()
