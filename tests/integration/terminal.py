#!/usr/bin/env python3
"""terminal.py MODE ...: the other end of a runtime's sockets and terminals.

show COMMAND...           runs it on a new terminal, prints what came out with its control characters written out
owner COMMAND...          the same, and then who owns the terminal
receive SOCKET            takes a terminal from --console-socket, prints what comes out of it
pidfd SOCKET              takes a pidfd, prints its pid
datagrams SOCKET COUNT    prints COUNT datagrams
send SOCKET TEXT          sends one datagram
"""
import os
import pty
import re
import socket
import sys


def drain(fd):
    out = b""
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:  # EIO: its last user has gone
            data = b""
        if not data:
            return out
        out += data


def on_terminal(command, tells_owner):
    master, slave = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.close(master)
        os.login_tty(slave) if hasattr(os, "login_tty") else login(slave)
        os.execvp(command[0], command)
    name = os.ttyname(slave)
    if not tells_owner:
        os.close(slave)
        out = drain(master)
    _, status = os.waitpid(pid, 0)
    if tells_owner:
        owner = os.stat(name).st_uid
        os.close(slave)
        out = drain(master)
    print(out.decode().replace("\r", "\\r").replace("\n", "\\n"))
    if tells_owner:
        print("owner", owner)
    sys.exit(os.waitstatus_to_exitcode(status))


def login(slave):
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)


def receive(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.settimeout(60)
    server.bind(path)
    server.listen(1)
    connection, _ = server.accept()
    _, fds, _, _ = socket.recv_fds(connection, 4096, 1)
    return fds[0]


def main():
    mode, arguments = sys.argv[1], sys.argv[2:]
    if mode in ("show", "owner"):
        on_terminal(arguments, mode == "owner")
    elif mode == "receive":
        print(drain(receive(arguments[0])).decode())
    elif mode == "pidfd":
        with open(f"/proc/self/fdinfo/{receive(arguments[0])}", encoding="ascii") as info:
            print("pid", re.search(r"^Pid:\s*(\d+)", info.read(), re.M).group(1))
    elif mode == "datagrams":
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        server.settimeout(60)
        server.bind(arguments[0])
        for _ in range(int(arguments[1])):
            print(server.recv(4096).decode().rstrip("\n"), flush=True)
    elif mode == "send":
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        client.connect(arguments[0])
        client.send(arguments[1].encode())


main()
