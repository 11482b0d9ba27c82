# Questions for a name server at 127.0.0.11: ask-names.py [--tcp] TYPE NAME prints the return code, whether the answer
# is cut, and the addresses in their order. With --junk it sends what is no question, and wants to live through it.
import os, random, socket, struct, sys

PLACE = ("127.0.0.11", 53)


def question(name, kind, number=0x1234):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def junk(udp):
    random.seed(7)
    base = question("web", 1)
    for i in range(400):
        packet = bytearray(base)
        for _ in range(random.randrange(1, 6)):
            packet[random.randrange(len(packet))] = random.randrange(256)
        udp.sendto(bytes(packet[:random.randrange(len(packet) + 1)]) + os.urandom(random.randrange(40)), PLACE)
    tcp = socket.create_connection(PLACE)
    tcp.sendall(b"\xff\xff" + os.urandom(100))
    socket.create_connection(PLACE).sendall(b"\0\0")


def ask(query, is_tcp):
    if not is_tcp:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.settimeout(10)
        udp.connect(PLACE)
        udp.send(query)
        return udp.recv(65535)
    tcp = socket.create_connection(PLACE, 10)
    tcp.sendall(struct.pack(">H", len(query)) + query)
    wanted, reply = struct.unpack(">H", tcp.recv(2))[0], b""
    while len(reply) < wanted:
        reply += tcp.recv(65535)
    return reply


words = sys.argv[1:]
if words[0] == "--junk":
    junk(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sys.exit(0)
is_tcp = words[0] == "--tcp"
kind, name = {"A": 1, "AAAA": 28}[words[-2]], words[-1]
query = question(name, kind)
reply = ask(query, is_tcp)
flags, _, count = struct.unpack(">HHH", reply[2:8])
print(flags & 15, "cut" if flags & 0x200 else "whole", end="")
at, size = len(query), 4 if kind == 1 else 16
for _ in range(count):
    print("", socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, reply[at + 12:at + 12 + size]), end="")
    at += 12 + size
print()
