# A name server for tests: name-server.py ADDRESS. Of *.test it says 192.0.2.55, and of big.test over UDP only that the
# answer is cut; nx.test does not exist. It prints each name that it is asked for.
import socket, struct, sys, threading


def name_of(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels), at + 5


def answer(query, is_udp):
    name, end = name_of(query)
    kind = struct.unpack(">H", query[end - 4:end - 2])[0]
    print(name, "udp" if is_udp else "tcp", flush=True)
    flags, records = 0x8180, b""
    if name == "nx.test" or not name.endswith(".test"):
        flags |= 3
    elif name == "big.test" and is_udp:
        flags |= 0x200
    elif kind == 1:
        records = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x37"
    return query[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0, 0, 0) + query[12:end] + records


def serve_tcp(server):
    while True:
        peer, _ = server.accept()
        head = peer.recv(2)
        query = peer.recv(struct.unpack(">H", head)[0]) if len(head) == 2 else b""
        reply = answer(query, False) if len(query) > 12 else None
        if reply:
            peer.sendall(struct.pack(">H", len(reply)) + reply)
        peer.close()


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], 53))
tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind((sys.argv[1], 53))
tcp.listen()
threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
print("ready", flush=True)
while True:
    query, client = udp.recvfrom(4096)
    reply = answer(query, True)
    # one with another id comes first: it must not be believed
    if reply:
        udp.sendto(bytes([reply[0] ^ 0xff]) + reply[1:-1] + b"\x63", client)
        udp.sendto(reply, client)
