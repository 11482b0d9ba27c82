#!/usr/bin/env python3
"""reach.py: who reaches whom. stdin has a line for each place, and then what is expected:

    NAME PID ADDRESS...       in the network namespace of PID somebody listens at each address, over tcp and udp
    = FROM TO|TO TO..         FROM reaches these (all: everybody) by each of their addresses, and nobody else

From each place to each address of each other one connection is tried and one datagram is sent. It waits until all that
was expected has come, and then for a second for what should not come. Prints what is otherwise, a line each; exits 1."""
import ctypes
import os
import select
import socket
import sys
import time

PORT = 7000
LONGEST, LINGER, AGAIN = 30.0, 1.0, 0.3
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(pid):
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "setns", pid)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def make(address, kind):
    sock = socket.socket(family(address), kind)
    sock.setblocking(False)
    return sock


class Matrix:
    def __init__(self, places, expected):
        self.places = places
        self.expected = expected
        self.reached = set()
        self.poll = select.poll()
        self.handlers = {}
        self.pending = {}  # udp socket: who has not been answered

    def watch(self, sock, events, handler):
        self.handlers[sock.fileno()] = (sock, handler)
        self.poll.register(sock, events)

    def drop(self, sock):
        self.poll.unregister(sock)
        del self.handlers[sock.fileno()]
        sock.close()

    # ---- who listens: says its own name

    def listen(self, name, address):
        tcp = make(address, socket.SOCK_STREAM)
        tcp.bind((address, PORT))
        tcp.listen(64)
        self.watch(tcp, select.POLLIN, lambda: self.accept(tcp, name))
        udp = make(address, socket.SOCK_DGRAM)
        udp.bind((address, PORT))
        self.watch(udp, select.POLLIN, lambda: self.answer(udp, name))

    @staticmethod
    def accept(tcp, name):
        sock = tcp.accept()[0]
        sock.send(name.encode())
        sock.close()

    @staticmethod
    def answer(udp, name):
        udp.sendto(name.encode(), udp.recvfrom(64)[1])

    # ---- who asks

    def ask(self, key):
        _, _, address, protocol = key
        sock = make(address, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        try:
            sock.connect((address, PORT))
        except BlockingIOError:
            pass
        except OSError:  # no way there
            sock.close()
            return
        if protocol == "udp":
            self.pending[sock] = key
        self.watch(sock, select.POLLIN, lambda: self.hear(sock, key))

    def hear(self, sock, key):
        try:
            told = sock.recv(64).decode()
        except OSError:  # refused, or unreachable
            told = ""
        if told:
            self.reached.add(key if told == key[1] else key + (told,))
        if told or key[3] == "tcp":
            self.pending.pop(sock, None)
            self.drop(sock)

    def send(self):
        for sock in self.pending:
            try:
                sock.send(b"who is there")
            except OSError:
                pass

    def pump(self, seconds):
        for fd, _ in self.poll.poll(seconds * 1000):
            if fd in self.handlers:
                self.handlers[fd][1]()

    def run(self):
        for name, pid, addresses in self.places:
            enter(pid)
            for address in addresses:
                self.listen(name, address)
        for source, pid, _ in self.places:
            enter(pid)
            for target, _, addresses in self.places:
                for address in addresses:
                    for protocol in "tcp", "udp":
                        if source != target:
                            self.ask((source, target, address, protocol))
        until, sent = time.monotonic() + LONGEST, 0
        lingers = False
        while time.monotonic() < until:
            if time.monotonic() - sent > AGAIN:
                self.send()
                sent = time.monotonic()
            self.pump(0.05)
            if not lingers and self.expected <= self.reached:
                lingers, until = True, time.monotonic() + LINGER


def read():
    places, rules = [], {}
    for line in sys.stdin:
        words = line.split()
        if words and words[0] == "=":
            rules[words[1]] = words[2:]
        elif words:
            places.append((words[0], int(words[1]), words[2:]))
    names = [name for name, _, _ in places]
    expected = set()
    for source, targets in rules.items():
        for target, _, addresses in places:
            if source != target and (target in targets or targets == ["all"]):
                expected |= {(source, target, a, p) for a in addresses for p in ("tcp", "udp")}
    unknown = {name for source in rules for name in [source, *rules[source]]} - {*names, "all"}
    if unknown or set(rules) != set(names):
        sys.exit(f"reach.py: every place needs a rule of places: {unknown or set(names) - set(rules)}")
    return places, expected


def main():
    places, expected = read()
    matrix = Matrix(places, expected)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    matrix.run()
    libc.setns(own, CLONE_NEWNET)
    for key in sorted(expected - matrix.reached):
        print("not reached:", *key)
    for key in sorted(matrix.reached - expected):
        print("reached:", *key)
    return int(matrix.reached != expected)


if __name__ == "__main__":
    sys.exit(main())
