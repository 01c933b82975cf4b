# SPDX-License-Identifier: Apache-2.0
"""What has to be there before the first run: packages, the floor, our release build, files to serve."""

import os
import pathlib
import shutil
import subprocess

from .process import RunFailure
from .scenarios import FILES, GIBIBYTE, LARGE

BENCHMARKS = pathlib.Path(__file__).parent.parent
REPOSITORY = BENCHMARKS.parent

# What must be found, and the Debian package that brings it.
NEEDS = {
    "nginx": "nginx-light",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "openssl": "openssl",
    "curl": "curl",
    "gcc": "gcc",
    "make": "make",
    "taskset": "util-linux",
    "/usr/include/liburing.h": "liburing-dev",
}


def call(command: list[str], directory: pathlib.Path | None = None) -> str:
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if result.returncode != 0:
        tail = (result.stdout + result.stderr)[-4000:]
        raise RunFailure(f"{' '.join(command)} ended with status {result.returncode}:\n{tail}")
    return result.stdout


def install_packages() -> None:
    missing = [
        package
        for need, package in NEEDS.items()
        if not (os.path.exists(need) if need.startswith("/") else shutil.which(need, path=search_path()))
    ]
    if not missing:
        return
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    call([*root, "apt-get", "update", "-q"])
    call([*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y",
          "--no-install-recommends", *missing])  # fmt: skip


def search_path() -> str:
    """PATH with the folders that hold nginx on Debian."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def build_floor() -> pathlib.Path:
    call(["make", "-s", "-C", str(BENCHMARKS / "floor")])
    return BENCHMARKS / "floor" / "floor"


def build(product: str, scratch_path: str | None) -> pathlib.Path:
    """The release build of one of our programs."""
    command = ["swift", "build", "-c", "release", "--product", product]
    if scratch_path:
        command += ["--scratch-path", scratch_path]
    call(command, REPOSITORY)
    folder = call([*command, "--show-bin-path"], REPOSITORY).strip().splitlines()[-1]
    return pathlib.Path(folder) / product


def write_files(root: pathlib.Path) -> None:
    """The files of the file scenarios, filled with pattern bytes."""
    root.mkdir()
    for name, count in FILES.items():
        (root / name).write_bytes(bytes(i % 251 for i in range(count)))
    with open(root / LARGE, "wb") as file:
        file.truncate(GIBIBYTE)  # a hole: its pages come from memory


def make_certificate(directory: pathlib.Path) -> None:
    """The certificate of every server, ECDSA P-256, as localhost.pem and localhost.key."""
    call([str(REPOSITORY / "tools" / "dev-cert"), "--directory", str(directory)])
