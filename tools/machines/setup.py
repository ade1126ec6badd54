"""Fetches what booting needs into the work folder: QEMU, Debian's 6.1 kernels and static busyboxes, and the initrds.

Packages of other architectures come through package lists of their own in the work folder: nothing of theirs is
installed, and the host's apt is left as it is.
"""
import os
import pathlib
import re
import shutil
import subprocess

from . import initrd

HERE = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ("qemu-system-x86_64", "qemu-system-arm", "qemu-system-aarch64")


class Unreachable(Exception):
    """A package cannot be had: no network, no archive, or it is gone."""


def run(*words, cwd=None):
    done = subprocess.run([str(word) for word in words], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})
    if done.returncode != 0:
        why = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise Unreachable(f"{words[0]} {words[-1]}: {why[-1] if why else done.returncode}")
    return done.stdout


def install_qemu(say):
    if all(map(shutil.which, PROGRAMS)):
        return
    say("installing QEMU")
    run(HERE / "install", "machines")


class Archive:
    """Debian's archive of one architecture, by lists in the work folder."""

    def __init__(self, work, arch):
        self.debs, self.lists = work / "debs", work / f"lists-{arch.deb}"
        self.arch = arch
        self.options = [f"-oAPT::Architecture={arch.deb}", f"-oAPT::Architectures={arch.deb}",
                        f"-oDir::State::Lists={self.lists}", "-oAPT::Sandbox::User=root"]

    def read_lists(self):
        (self.lists / "partial").mkdir(parents=True, exist_ok=True)
        if not any(self.lists.glob("*Packages*")):
            try:
                run("apt-get", "-q", *self.options, "update")
            except Unreachable:  # one broken source is no reason to give up
                if not any(self.lists.glob("*Packages*")):
                    raise

    def newest(self, package):
        """What an empty package that follows the newest kernel depends on."""
        found = re.search(r"Depends: (linux-image-6\.1\.\S+)", run("apt-cache", *self.options, "depends", package))
        if not found:
            raise Unreachable(f"{package}: no 6.1 kernel in this archive")
        return found[1]

    def unpack(self, packages, folder):
        """A package, or several into one folder."""
        if folder.is_dir():
            return
        self.debs.mkdir(parents=True, exist_ok=True)
        begun = folder.with_name(folder.name + ".begun")
        shutil.rmtree(begun, ignore_errors=True)
        for package in (packages,) if isinstance(packages, str) else packages:
            run("apt-get", "-q", *self.options, "download", package, cwd=self.debs)
            found = [deb for kind in (self.arch.deb, "all") for deb in self.debs.glob(f"{package}_*_{kind}.deb")]
            deb = max(found, key=lambda path: path.stat().st_mtime)
            run("dpkg-deb", "-x", deb, begun)
            deb.unlink()
        for modules in ("lib/modules", "usr/lib/modules"):  # what booting needs is built in
            shutil.rmtree(begun / modules, ignore_errors=True)
        begun.rename(folder)


def set_up(work, arches, say):
    """Whatever is there already is not fetched again."""
    work = pathlib.Path(work).resolve()
    install_qemu(say)
    (work / "kernels").mkdir(parents=True, exist_ok=True)
    for arch in arches:
        archive = Archive(work, arch)
        say(f"{arch.name}: package lists")
        archive.read_lists()
        for package in arch.packages:
            kernel = archive.newest(package)
            say(f"{arch.name}: {kernel}")
            archive.unpack(kernel, work / "kernels" / kernel)
        say(f"{arch.name}: busybox-static and the initrd")
        box = work / f"busybox-{arch.deb}"
        archive.unpack("busybox-static", box)
        initrd.write(work / f"initrds/{arch.deb}.gz", (box / "bin/busybox").read_bytes())
