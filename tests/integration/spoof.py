"""spoof.py SENDER RECEIVER OWN-MAC OWN-IP OTHER-IP: frames of all kinds from a container's link, as one that may send raw
ones would send them; prints those that its neighbour's link has received, by name. The arguments are pids."""
import ctypes
import select
import socket
import struct
import sys


def enter(pid):
    with open(f"/proc/{pid}/ns/net", "rb") as ns:
        if ctypes.CDLL(None).setns(ns.fileno(), 0x40000000) != 0:
            raise OSError("setns")


def packet_socket(pid):
    enter(pid)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind(("eth0", 0))
    return s


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def ipv4(source, mark):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(mark), 0, 0, 64, 253, 0, socket.inet_aton(source), b"\xff" * 4)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + mark


def arp(operation, hardware, address, mark):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, operation, hardware, socket.inet_aton(address), b"\0" * 6,
                       socket.inet_aton(address)) + mark


def icmp6(source, kind, mark):
    src, dst = socket.inet_pton(socket.AF_INET6, source), socket.inet_pton(socket.AF_INET6, "ff02::1")
    body = struct.pack("!BBHI", kind, 0, 0, 0) + (src if kind in (135, 136) else b"\0" * 8) + mark
    body += b"\0" * (len(body) % 2)
    pseudo = src + dst + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return struct.pack("!IHBB", 0x60000000, len(body), 58, 255) + src + dst + body


def main():
    sender, receiver, own_text, own_ip, other_ip = sys.argv[1:]
    everybody, own, strange = b"\xff" * 6, mac(own_text), mac("02:99:99:99:99:99")
    local = "fe80::" + ":".join(("%02x%02x" % pair).lstrip("0") or "0" for pair in (
        (own[0] ^ 2, own[1]), (own[2], 0xff), (0xfe, own[3]), (own[4], own[5])))
    frames = {  # name: source MAC, EtherType, what makes the rest of a mark
        "own": (own, 0x800, lambda m: ipv4(own_ip, m)),
        "own-arp": (own, 0x806, lambda m: arp(1, own, own_ip, m)),
        "mac": (strange, 0x800, lambda m: ipv4(own_ip, m)),
        "ip": (own, 0x800, lambda m: ipv4(other_ip, m)),
        "gateway": (own, 0x800, lambda m: ipv4(other_ip.rsplit(".", 1)[0] + ".1", m)),
        "arp-mac": (own, 0x806, lambda m: arp(2, strange, own_ip, m)),
        "arp-ip": (own, 0x806, lambda m: arp(2, own, other_ip, m)),
        "arp-source": (strange, 0x806, lambda m: arp(2, own, own_ip, m)),
        "ra": (own, 0x86dd, lambda m: icmp6(local, 134, m)),
        "redirect": (own, 0x86dd, lambda m: icmp6(local, 137, m)),
        "nd-other": (own, 0x86dd, lambda m: icmp6("fe80::1", 136, m)),
        "vlan": (own, 0x8100, lambda m: b"\0\x01\x08\0" + ipv4(own_ip, m)),
        "stp": (own, 0x88cc, lambda m: m),
    }
    listener = packet_socket(receiver)
    out = packet_socket(sender)
    marks = {name: b"<sc-spoof:" + name.encode() + b">" for name in frames}
    # The last is one that arrives: the order of frames is kept, so what has not come before it does not come.
    # no neighbour sees it, but a bridge may learn from it whose frames go to the sender
    out.send(b"\x01\x80\xc2\0\0\x0e" + b"\x02\x42" + socket.inet_aton(other_ip) + b"\x88\xcc" + b"\0" * 46)
    order = [name for name in frames if name != "own"] + ["own"]
    for name in order:
        source, kind, rest = frames[name]
        out.send(everybody + source + struct.pack("!H", kind) + rest(marks[name]).ljust(46, b"\0"))
    arrived = set()
    while "own" not in arrived:
        if not select.select([listener], [], [], 30)[0]:
            break
        data = listener.recv(2048)
        arrived |= {name for name in order if marks[name] in data}
    print(" ".join(sorted(arrived)))


main()
