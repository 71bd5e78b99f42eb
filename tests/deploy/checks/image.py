"""The image itself: built twice from two folders with emptied caches, the same both times, and run as Compose runs it.

The base is made here of Debian's packages and this machine's Rust, so no registry is asked. buildah builds twice;
Docker goes through the recipe once more, with the program in the place of the compiler, and runs what comes out.
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time

from . import configuration, files

ROOT = configuration.ROOT
RECIPE = ROOT / "deploy/Dockerfile"
IMAGE, BASE, READY, AGAIN = (f"localhost/hubgate-checked:{name}" for name in ("image", "base", "ready", "again"))
PATH = "/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONTAINED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none"]
BUILDKIT = {**os.environ, "DOCKER_BUILDKIT": "1"}


def run(report):
    for tool in ("buildah", "debootstrap", "rustc"):
        if not shutil.which(tool):
            return report.skip("the image", f"there is no {tool} here")
    if os.geteuid() != 0:
        return report.skip("the image", "that needs root")
    release, debian = re.search(r"^ARG RUST_IMAGE=rust:([\d.]+)-slim-(\w+)$", RECIPE.read_text(), re.M).groups()
    rust = told("rustc", "--version", cwd=ROOT)
    if not rust.startswith(f"rustc {release}."):
        return report.skip("the image", f"the recipe is for Rust {release}, and here is {rust}")
    sysroot = pathlib.Path(told("rustc", "--print", "sysroot", cwd=ROOT))
    if sysroot == pathlib.Path("/usr"):
        return report.skip("the image", "Rust is not in a folder of its own here")
    with tempfile.TemporaryDirectory(prefix="hubgate-image-", dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        place = pathlib.Path(folder)
        storage = ["buildah", "--root", place / "storage", "--runroot", place / "runroot"]
        try:
            base(place, storage, debian, sysroot)
            with report.trying("the image: built"):
                built(report, place, storage)
        finally:
            told(*storage, "rmi", "--all", "--force", fine=range(256))


def told(*command, fine=(0,), seconds=3600, **how):
    """What a command prints; an error with its last words when its exit code is not fine."""
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, **how)
    if done.returncode not in fine:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return (done.stdout + done.stderr).strip()


def base(place, storage, debian, sysroot):
    """What the recipe's RUST_IMAGE is: Debian with a C compiler, and Rust."""
    root = place / "base/root"
    root.parent.mkdir()
    told("debootstrap", "--variant=minbase", "--include=ca-certificates,gcc,libc6-dev", debian, root)
    shutil.copytree(sysroot, root / "usr/local/rust", symlinks=True, ignore=lambda inside, _: ["share"] if pathlib.Path(inside) == sysroot else [])
    (place / "base/Dockerfile").write_text(f"FROM scratch\nCOPY root /\nENV PATH={PATH} CARGO_HOME=/usr/local/cargo\n")
    told(*storage, "bud", "--isolation", "chroot", "-t", BASE, place / "base")


def built(report, place, storage):
    epoch = told("git", "log", "-1", "--format=%ct", cwd=ROOT)
    ids = []
    for name in ("one", "another-with-a-longer-name"):
        (place / name / "caches").mkdir(parents=True)
        sources = place / name / "sources"
        sources.mkdir()
        told("sh", "-c", f"git ls-files -z | tar --null -T - -c | tar -x -m -C {sources}", cwd=ROOT)
        told(*storage, "bud", "--no-cache", "--isolation", "chroot", "--network", "host", "--timestamp", epoch,
             "--build-arg", f"RUST_IMAGE={BASE}", "--build-arg", f"SOURCE_DATE_EPOCH={epoch}", "--iidfile", place / name / "id",
             "-f", "deploy/Dockerfile", "-t", IMAGE, ".", cwd=sources, env={**os.environ, "TMPDIR": str(place / name / "caches")})
        ids.append((place / name / "id").read_text().strip())
        shutil.rmtree(place / name / "caches")
    report.check(f"the image: built twice from two folders with emptied caches, the same id {ids[0][:19]}", ids[0] == ids[1], ids)
    for asked in (["docker", "info"], ["docker", "build", "--help"]):
        if not shutil.which("docker") or subprocess.run(asked, env=BUILDKIT, capture_output=True).returncode != 0:
            return report.skip("docker build, and the image in a container", "no Docker with BuildKit answers here")
    told(*storage, "push", IMAGE, f"docker-archive:{place}/image.tar:{IMAGE}")
    told(*storage, "push", BASE, f"docker-archive:{place}/base.tar:{BASE}")
    try:
        for name in ("image", "base"):
            told("docker", "load", "-i", place / f"{name}.tar")
        with report.trying("docker build: every stage of the recipe"):
            by_docker(report, place, place / "one/sources")
        with report.trying("the image: run"):
            ran(report, place)
    finally:
        told("docker", "rmi", "-f", IMAGE, BASE, READY, AGAIN, fine=range(256))


def by_docker(report, place, sources):
    """`docker build` of the recipe, whose cargo hands out the program that was built before: the same files come out."""
    ready = place / "ready"
    ready.mkdir()
    (ready / "Dockerfile").write_text(f"FROM {IMAGE} AS built\nFROM {BASE}\nCOPY --from=built /usr/bin/hubgate /ready\nRUN printf '#!/bin/sh\\n"
                                      "mkdir -p /target/release && cp --remove-destination /ready /target/release/hubgate\\n' >/usr/local/rust/bin/cargo\n")
    told("docker", "build", "-t", READY, ready, env=BUILDKIT)
    told("docker", "build", "--no-cache", "-f", "deploy/Dockerfile", "-t", AGAIN, "--build-arg", f"RUST_IMAGE={READY}", ".", cwd=sources, env=BUILDKIT)
    sums = [files_of(image, place / f"{number}.tar") for number, image in enumerate((IMAGE, AGAIN))]
    report.check("docker build: every stage of the recipe, with the program in the place of the compiler; the same files", sums[0] == sums[1], sums)


def files_of(image, archive):
    container = told("docker", "create", "--network", "none", image)
    told("docker", "export", "-o", archive, container)
    told("docker", "rm", container)
    with tarfile.open(archive) as whole:
        return {one.name: hashlib.sha256(whole.extractfile(one).read()).hexdigest() for one in whole if one.isfile()}


def ran(report, place):
    """Read-only, as user 65532, without a capability: healthy by its own HEALTHCHECK, without a shell, and ended by SIGTERM."""
    size = int(told("docker", "image", "inspect", "-f", "{{.Size}}", AGAIN))
    report.check(f"the image: {size / 1e6:.1f} MB, less than 25", size < 25e6)
    name = f"hubgate-checked-{os.getpid()}"
    said = told("docker", "run", "--rm", *CONTAINED, AGAIN, fine=[78], seconds=60)
    report.check("the image: says which file is missing when there is none", "/etc/hubgate/hubgate.toml" in said, said)
    (place / "hubgate.toml").write_text(files.ALONE)
    told("docker", "run", "-d", "--name", name, *CONTAINED, "-v", f"{place}/hubgate.toml:/etc/hubgate/hubgate.toml:ro", AGAIN)
    try:
        for _ in range(60):
            health = told("docker", "inspect", "-f", "{{.State.Health.Status}}", name)
            if health == "healthy":
                break
            time.sleep(0.5)
        report.check("the image: healthy by its own HEALTHCHECK", health == "healthy", health)
        status = pathlib.Path("/proc", told("docker", "inspect", "-f", "{{.State.Pid}}", name), "status").read_text()
        kept = {line.split(":")[0]: line.split()[1:] for line in status.splitlines()}
        report.check("the image: user 65532, no capability, no new privileges",
                     kept["Uid"] == ["65532"] * 4 and int(kept["CapEff"][0] + kept["CapBnd"][0], 16) == 0 and kept["NoNewPrivs"] == ["1"], status)
        report.check("the image: no shell", told("docker", "exec", name, "/bin/sh", "-c", "exit 0", fine=range(1, 256)))
        told("docker", "stop", "-t", "20", name)
        report.check("the image: ends with 0 at SIGTERM", told("docker", "inspect", "-f", "{{.State.ExitCode}}", name) == "0", told("docker", "logs", name))
    finally:
        told("docker", "rm", "-f", name, fine=range(256))
