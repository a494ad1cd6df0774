"""A Postfix of the bench's own on loopback, in a folder, which hands all mail on to the sink.

As its packages set it up, less chroot (its folder has no copies of the system's files) and TLS;
that of the machine, if it runs, is not touched.  Postfix needs root to start.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from commands.bench.children import ProgramFailed, free_port, ran, tool, wait_for_port
from commands.bench.peers import Absent

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
multi_instance_name = postfix-bench
multi_instance_enable = yes
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = relay.midori.example
mydestination =
local_recipient_maps =
alias_maps =
relayhost = [127.0.0.1]:{sink}
smtp_tls_security_level = none
smtpd_tls_security_level = none
"""
# master.cf: service, type, private, unprivileged, chroot, wakeup, most processes, command.
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def private_postfix(folder: Path, sink_port: int) -> Iterator[int]:
    """Start one whose relay host is the sink; gives the port on which it takes mail.

    Raises Absent.
    """
    program = tool("postfix")
    if program is None:
        raise Absent("postfix is not here (apt-get install postfix)")
    if os.geteuid() != 0:
        raise Absent("postfix starts only for root")
    port = free_port()
    config = _written(folder, port, sink_port)
    try:
        ran([program, "-c", str(config), "start"], 30)
        wait_for_port(port)
        yield port
    finally:
        _stop(program, config, folder / "queue" / "pid" / "master.pid")


def _written(folder: Path, port: int, sink_port: int) -> Path:
    """Its configuration; its processes give root up, and must be able to enter the folder."""
    config = folder / "config"
    for each in (folder, config, folder / "queue", folder / "data"):
        each.mkdir()
        each.chmod(0o755)
    shutil.chown(folder / "data", "postfix")
    for name, text in (("main.cf", _MAIN), ("master.cf", _MASTER)):
        (config / name).write_text(text.format(folder=folder, sink=sink_port, port=port))
        (config / name).chmod(0o644)
    return config


def _stop(program: str, config: Path, pid_file: Path) -> None:
    """Orderly, at once, or by its number."""
    for word in ("stop", "abort"):
        try:
            ran([program, "-c", str(config), word], 20)
            return
        except (ProgramFailed, subprocess.TimeoutExpired):
            continue
    with suppress(OSError, ValueError):  # there is none any more
        os.killpg(int(pid_file.read_text()), signal.SIGKILL)
