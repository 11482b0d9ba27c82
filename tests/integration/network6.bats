#!/usr/bin/env bats
# IPv6 on networks, in network namespaces of the test's own (network.bash); the outside is 2001:db8::9, the host ::1.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

# Of its own addresses each side is sure at once.
with_v6()
{
    at "$host" ip address add 2001:db8::1/64 dev ext0 nodad
    at "$outside" ip address add 2001:db8::9/64 dev ext0 nodad
}

v6_of()
{
    "$SC" inspect -f '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}' "$1"
}

@test "--ipv6: an address at once, a way out through the host's, no router but the network's own; nothing is left" {
    with_v6
    sc_ok network create --ipv6 n
    is "$("$SC" network ls --filter name=n --format '{{.IPv6}}' | head -n 1)" true
    subnet=$("$SC" network inspect -f '{{(index .IPAM.Config 1).Subnet}}' n)
    matches "$subnet" '^fd[0-9a-f]{2}:[0-9a-f:]+::/64$'
    sc_ok run -d --name aa --network n base sleep 1000
    is "$(v6_of aa)" "${subnet%/64}2"
    sc_ok exec aa sh -c 'ip -6 -o addr show eth0 scope global; ip -6 route; cat /proc/sys/net/ipv6/conf/eth0/accept_ra'
    expect_output "${subnet%/64}2/64"
    expect_no_output tentative
    matches "$output" "default via ${subnet%/64}1 dev eth0"
    is "${lines[-1]}" 0
    is "$(at "$host" cat "/proc/sys/net/ipv6/conf/$("$SC" network inspect -f '{{.Bridge}}' n)/accept_ra")" 0
    nsenter -t "$outside" -n sh -c 'mkdir -p "$1"; echo outside >"$1/index.html"; exec busybox httpd -f -p 80 -h "$1"' sh \
        "$BATS_TEST_TMPDIR/www" 3>&- &
    server=$!
    # the outside has no route back to the subnet
    wait_until says outside ask_in aa 2001:db8::9 80 || :
    is "$(ask_in aa 2001:db8::9 80)" outside
    kill "$server"
    wait "$server" 2>/dev/null || :
    is "$("$SC" network inspect n | jq -c '.[0] | [.EnableIPv6, (.Containers[] | .IPv6Address)]')" "[true,\"${subnet%/64}2/64\"]"
    sc_ok rm -f aa
    sc_ok network rm n
    is "$(at "$host" ip -o link | grep -c ': sc')" 0
    is "$(at "$host" ip -6 route show table all | grep -c 'fd')" 0
    is "$(at "$host" nft list table inet sc | grep -c "${subnet%::/64}")" 0
}

@test "a published port over IPv6: from outside, from the host and ::1, from a neighbour, from itself" {
    with_v6
    sc_ok network create --subnet 10.71.0.0/24 --subnet fd00:71::/64 n
    serve web hello --network n -p 8080:80
    sc_ok run -d --name other --network n base sleep 1000
    wait_until says hello ask "$host" 10.71.0.2 80
    is "$(ask "$outside" '[2001:db8::1]' 8080)" hello
    is "$(ask "$host" '[::1]' 8080)" hello
    is "$(ask "$host" '[2001:db8::1]' 8080)" hello
    is "$(ask "$host" '[fd00:71::1]' 8080)" hello
    is "$(ask "$host" 127.0.0.1 8080)" hello
    is "$(ask "$outside" 203.0.113.1 8080)" hello
    is "$(ask_in other fd00:71::2 80)" hello
    is "$(ask_in other 2001:db8::1 8080)" hello
    is "$(ask_in web 2001:db8::1 8080)" hello
    is "$("$SC" port web)" $'80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080'
    is "$("$SC" ps --filter name=web --format '{{.Ports}}')" '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'
    is "$("$SC" inspect web | jq -c '.[0].NetworkSettings.Ports["80/tcp"]')" \
        '[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}]'
    # not by the subnet's own address from outside
    at "$outside" ip -6 route add fd00:71::/64 via 2001:db8::1
    no_answer "$outside" '[fd00:71::2]' 80
    sc_ok rm -f web
    no_answer "$host" '[::1]' 8080
}

@test "a port at one address: [::1], [::] and 127.0.0.1; udp too; the same number for both families" {
    with_v6
    sc_ok network create --subnet fd00:71::/64 n
    serve web hello --network n -p '[::1]:8080:80' -p '[2001:db8::1]:8081:80' -p 127.0.0.1:8082:80 -p '[::]:8083:80'
    wait_until says hello ask "$host" "[$(v6_of web)]" 80
    is "$(ask "$host" '[::1]' 8080)" hello
    no_answer "$outside" '[2001:db8::1]' 8080
    is "$(ask "$outside" '[2001:db8::1]' 8081)" hello
    no_answer "$host" '[::1]' 8081
    no_answer "$host" '[::1]' 8082
    is "$(ask "$host" 127.0.0.1 8082)" hello
    is "$(ask "$outside" '[2001:db8::1]' 8083)" hello
    no_answer "$host" 127.0.0.1 8083
    is "$("$SC" port web)" \
        $'80/tcp -> 127.0.0.1:8082\n80/tcp -> [::]:8083\n80/tcp -> [::1]:8080\n80/tcp -> [2001:db8::1]:8081'
    sc_ok run -d --name any --network n -p 80 base sleep 1000
    is "$("$SC" port any 80 | sed 's/.*://' | uniq | wc -l)" 1
    id=$("$SC" inspect -f '{{.Id}}' web)
    sc_fails 125 run --rm --network n -p '[::]:8080:80' base true
    expect_stderr "publish port [::]:8080/tcp: port is already allocated by container ${id:0:12}"
    sc_fails 125 run --rm --network bridge -p '[::1]:9000:80/sctp' base true
    expect_stderr 'publish port [::1]:9000/sctp: the container has no IPv6 address that it could lead to'
    sc_fails 125 run --rm --network n -p 8083:80 base true
    expect_stderr "publish port [::]:8083/tcp: port is already allocated by container ${id:0:12}"
    is "$(find "$SC_RUN_ROOT/lease/port" -type l -name '*8083' -printf '%f\n')" tcp,::,8083
    nsenter -t "$host" -n python3 -m http.server 8090 --bind ::1 3>&- >/dev/null 2>&1 &
    server=$!
    wait_until says_something at "$host" ss -Hltn 'sport = :8090'
    sc_fails 125 run --rm --network n -p '[::1]:8090:80' base true
    expect_stderr 'publish port [::1]:8090/tcp: address already in use by a program of the host'
    kill "$server"
    wait "$server" 2>/dev/null || :
}

# The sc-ports of a container, if it runs.
carrier()
{
    pgrep -f "sc-ports [0-9]* $("$SC" inspect -f '{{.Id}}' "$1")"
}

no_carrier()
{
    ! carrier "$1" >/dev/null
}

@test "a container without IPv6 is reached at the host's: by -p, at a chosen address, from outside, after a move" {
    with_v6
    sc_ok network create --subnet 10.71.0.0/24 n
    sc_ok network create --subnet 10.72.0.0/24 m
    serve web hello --network n --network m -p 8080:80 -p '[::1]:8081:80' -p 127.0.0.1:8082:80
    wait_until says hello ask "$host" 10.71.0.2 80
    no_carrier web
    is "$(ask "$host" '[::1]' 8080)" hello
    is "$(ask "$outside" '[2001:db8::1]' 8080)" hello
    is "$(ask "$host" '[::1]' 8081)" hello
    no_answer "$outside" '[2001:db8::1]' 8081
    no_answer "$host" '[::1]' 8082
    # the one of IPv4 needs nobody
    kill -9 "$(carrier web)"
    wait_until no_carrier web
    is "$(ask "$outside" 203.0.113.1 8080)" hello
    no_carrier web
    is "$("$SC" port web | paste -sd,)" \
        '80/tcp -> 0.0.0.0:8080,80/tcp -> 127.0.0.1:8082,80/tcp -> [::]:8080,80/tcp -> [::1]:8081'
    sc_fails 125 run --rm --network bridge -p '[::1]:8081:80' base true
    expect_stderr 'publish port [::1]:8081/tcp: port is already allocated by container'
    sc_fails 125 run --rm --network bridge -p '[2001:db8::9]:9000:80' base true
    expect_stderr 'publish port [2001:db8::9]:9000/tcp: cannot assign requested address'
    nsenter -t "$host" -n python3 -m http.server 8090 --bind ::1 3>&- >/dev/null 2>&1 &
    server=$!
    wait_until says_something at "$host" ss -Hltn 'sport = :8090'
    sc_fails 125 run --rm --network bridge -p '[::1]:8090:80' base true
    expect_stderr 'publish port [::1]:8090/tcp: address already in use by a program of the host'
    is "$(find "$SC_RUN_ROOT/lease/port" -type l -printf '%f\n' | sort | paste -sd' ')" \
        'tcp,0.0.0.0,8080 tcp,127.0.0.1,8082 tcp,::1,8081'
    kill "$server"
    wait "$server" 2>/dev/null || :
    sc_ok network disconnect n web
    is "$(ask "$host" '[::1]' 8080)" hello
    monitor=$(lock_holder web)
    kill -9 "$monitor"
    wait_until no_carrier web
    no_answer "$host" '[::1]' 8080
}

@test "what is carried from IPv6 to IPv4 is whole, in both directions, with each end's end" {
    with_v6
    sc_ok run -d --name echo -p 8080:80 base sleep 1000
    nsenter -t "$("$SC" inspect -f '{{.State.Pid}}' echo)" -n python3 - 3>&- <<'END' &
import shutil, socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        shutil.copyfileobj(self.rfile, self.wfile)
class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 300
    daemon_threads = True
Server(("0.0.0.0", 80), Echo).serve_forever()
END
    server=$!
    head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/sent"
    at "$host" python3 - "$BATS_TEST_TMPDIR/sent" <<'END'
import socket, sys, threading, time
sent = open(sys.argv[1], "rb").read()
def once():
    for _ in range(100):
        try:
            s = socket.create_connection(("::1", 8080))
            threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR))).start()
            got = b"".join(iter(lambda: s.recv(65536), b""))
            if got:
                return got
        except ConnectionResetError:
            pass
        time.sleep(0.05)
    return b""
assert once() == sent  # it may not listen yet at first
# more at once than it carries: the others wait
all = [socket.create_connection(("::1", 8080)) for _ in range(230)]
for i, s in enumerate(all):
    s.sendall(b"%d" % i)
    s.shutdown(socket.SHUT_WR)
for i, s in enumerate(all):
    assert b"".join(iter(lambda: s.recv(100), b"")) == b"%d" % i, i
END
    kill "$server"
    wait "$server" 2>/dev/null || :
    sc_ok rm -f echo
    no_answer "$host" '[::1]' 8080
    sc_ok run -d --name next -p 8080:80 base sleep 1000
}

# In the network of a container: says over tcp and udp whom it sees.
tell_client()
{
    nsenter -t "$("$SC" inspect -f '{{.State.Pid}}' "$1")" -n python3 - "$2" 3>&- <<'END' &
import socket, sys, threading
port = int(sys.argv[1])
stream = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
datagram = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagram.bind(("::", port))
def accept():
    while True:
        client, address = stream.accept()
        client.sendall(address[0].encode())
        client.close()
threading.Thread(target=accept, daemon=True).start()
while True:
    _, address = datagram.recvfrom(100)
    datagram.sendto(address[0].encode(), address)
END
    server=$!
}

# seen WHO tcp|udp ADDRESS PORT: as whom
seen()
{
    at "$1" python3 - "${@:2}" <<'END' 2>/dev/null || :
import socket, sys
kind, address, port = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                  socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(3)
s.connect((address, int(port)))
if kind == "udp":
    s.send(b"?")
print(s.recv(100).decode())
END
}

@test "datagrams are carried from IPv6 to IPv4, and answers come from the address that was asked" {
    with_v6
    at "$host" ip address add 2001:db8::2/64 dev ext0 nodad
    sc_ok run -d --name echo -p 5353:53/udp -p '[::1]:5354:53/udp' base sleep 1000
    nsenter -t "$("$SC" inspect -f '{{.State.Pid}}' echo)" -n python3 - 3>&- <<'END' &
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    data, client = s.recvfrom(65536)
    s.sendto(data, client)
END
    server=$!
    no_carrier echo
    cat >"$BATS_TEST_TMPDIR/ask" <<'END'
import socket, sys
def ask(host, port, data):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.connect((host, port))  # so an answer from another address is not heard
    s.settimeout(0.2)
    for _ in range(100):
        try:
            s.send(data)
            return s, s.recv(65536) == data
        except (socket.timeout, ConnectionRefusedError):
            pass
    return s, False
for place in sys.argv[1:]:
    host, port = place.rsplit("/", 1)
    for data in (b"one", b"", b"l" * 60000):
        assert ask(host, int(port), data)[1], (place, len(data))
# more at once than it knows: who was silent longest loses the place, and has it again with the next question
kept = [ask(*sys.argv[1].rsplit("/", 1)[:1], int(sys.argv[1].rsplit("/", 1)[1]), b"%d" % i) for i in range(300)]
assert all(answered for _, answered in kept)
kept[0][0].send(b"again")
assert kept[0][0].recv(100) == b"again"
END
    at "$host" python3 "$BATS_TEST_TMPDIR/ask" ::1/5353 2001:db8::2/5353 ::1/5354
    at "$outside" python3 "$BATS_TEST_TMPDIR/ask" 2001:db8::2/5353 2001:db8::1/5353
    kill "$server"
    wait "$server" 2>/dev/null || :
}

@test "the server sees the client's own address, over tcp and udp; for ::1 an address of the host's" {
    with_v6
    sc_ok network create --subnet fd00:71::/64 n
    sc_ok run -d --name who --network n -p 8080:80 -p 8080:80/udp base sleep 1000
    tell_client who 80
    wait_until says 2001:db8::9 seen "$outside" tcp 2001:db8::1 8080
    is "$(seen "$outside" udp 2001:db8::1 8080)" 2001:db8::9
    is "$(seen "$outside" udp 203.0.113.1 8080)" ::ffff:203.0.113.9
    is "$(seen "$host" udp ::1 8080)" fd73:636c:6f6f:7000::1
    is "$(seen "$host" tcp ::1 8080)" fd73:636c:6f6f:7000::1
    is "$(seen "$host" tcp 2001:db8::1 8080)" 2001:db8::1
    kill "$server"
    wait "$server" 2>/dev/null || :
}

@test "IPv6 networks do not reach each other, neighbours do, with icc=false they do not; --internal has no way out" {
    with_v6
    sc_ok network create --ipv6 one
    sc_ok network create --ipv6 two
    sc_ok network create --ipv6 -o icc=false apart
    sc_ok network create --ipv6 --internal in
    serve aa A --network one
    serve bb B --network one
    serve cc C --network two
    serve dd D --network apart
    serve ee E --network apart
    serve ff F --network in
    sc_ok run -d --name gg --network in base sleep 1000
    for name in aa bb cc dd ee ff; do
        wait_until says_something ask "$host" "[$(v6_of $name)]" 80
    done
    is "$(ask_in aa "$(v6_of bb)" 80)" B
    no_answer_in aa "$(v6_of cc)" 80
    no_answer_in cc "$(v6_of aa)" 80
    no_answer_in dd "$(v6_of ee)" 80
    is "$(ask "$host" "[$(v6_of ee)]" 80)" E
    is "$(ask_in gg "$(v6_of ff)" 80)" F
    sc_ok exec gg ip -6 route
    expect_no_output default
    is "$("$SC" inspect -f '{{.NetworkSettings.IPv6Gateway}}' gg)" ''
}

# send_as PID KIND SOURCE TARGET TO MAC: what a neighbour could say that has all rights: advert, echo.
send_as()
{
    nsenter -t "$1" -n python3 - "${@:2}" <<'END'
import fcntl, socket, struct, sys
kind, source, target, to = sys.argv[1], *(socket.inet_pton(socket.AF_INET6, a) for a in sys.argv[2:5])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
mac = fcntl.ioctl(s, 0x8927, struct.pack("256s", b"eth0"))[18:24]
if kind == "advert":
    body = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + target + b"\x02\x01" + mac
else:
    body = struct.pack("!BBHHH", 128, 0, 0, 1, 1)
total = sum(struct.unpack("!%dH" % (len(body) // 2), body))
total += sum(struct.unpack("!8H", source)) + sum(struct.unpack("!8H", to)) + len(body) + 58
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
body = body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:]
packet = struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + to + body
s.send(bytes.fromhex(sys.argv[5].replace(":", "")) + mac + b"\x86\xdd" + packet)
END
}

# What the host believes.
neighbour()
{
    at "$host" ip -6 neigh show "$1" | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p'
}

@test "a container speaks IPv6 as itself only: no other's address, no advertisement of it" {
    sc_ok network create --subnet 10.71.0.0/24 --subnet fd00:71::/64 n
    sc_ok run -d --name aa --network n base sleep 1000
    sc_ok run -d --name bb --network n base sleep 1000
    at "$host" busybox ping -6 -c 1 -W 2 fd00:71::2
    at "$host" busybox ping -6 -c 1 -W 2 fd00:71::3
    is "$(neighbour fd00:71::2)" 02:42:0a:47:00:02
    gateway=$(at "$host" ip -o link show "$("$SC" network inspect -f '{{.Bridge}}' n)" | sed 's/.*ether \([0-9a-f:]*\).*/\1/')
    b=$("$SC" inspect -f '{{.State.Pid}}' bb)
    send_as "$b" advert fd00:71::3 fd00:71::2 fd00:71::1 "$gateway"
    send_as "$b" advert fd00:71::2 fd00:71::2 fd00:71::1 "$gateway"
    # its own is heard: what was sent before it has arrived too
    at "$host" busybox ping -6 -c 1 -W 2 fd00:71::3
    is "$(neighbour fd00:71::2)" 02:42:0a:47:00:02
    # an address that nobody has
    send_as "$b" echo fd00:71::77 :: fd00:71::1 "$gateway"
    at "$host" busybox ping -6 -c 1 -W 2 fd00:71::3
    is "$(at "$host" ip -6 neigh show fd00:71::77)" ''
    # it would be heard if the guard did not say whose address that is
    at "$host" nft add element bridge sc targets6 \
        "{ \"scv$("$SC" inspect -f '{{.Id}}' bb | cut -c 1-12)\" . 02:42:0a:47:00:03 . 0xfd000071000000000000000000000002 }"
    send_as "$b" advert fd00:71::3 fd00:71::2 fd00:71::1 "$gateway"
    wait_until says 02:42:0a:47:00:03 neighbour fd00:71::2
    at "$host" nft flush set bridge sc targets6
}

ls_v6()
{
    find "$SC_RUN_ROOT/lease/net/one" -name '*:*' -printf '%f\n'
}

@test "--ip6, connect and disconnect, names of both families, and all of it again after a start" {
    sc_ok network create --subnet 10.71.0.0/24 --subnet fd00:71::/64 --gateway fd00:71::9 --ip-range fd00:71::100/120 \
        --aux-address router=fd00:71::100 one
    sc_ok network create two
    sc_ok run -d --name aa --network one base sleep 1000
    is "$(v6_of aa)" fd00:71::101
    serve cc C --network two
    sc_ok network connect --ip6 fd00:71::7 --alias friend one cc
    sc_ok exec cc sh -c 'ip -6 -o addr show eth1 scope global; cat /proc/sys/net/ipv6/conf/eth1/accept_ra'
    expect_output fd00:71::7/64
    is "${lines[-1]}" 0
    is "$(names_in cc aa)" '10.71.0.2 fd00:71::101'
    is "$(names_in aa friend)" '10.71.0.3 fd00:71::7'
    wait_until says C ask_in aa fd00:71::7 80
    sc_ok stop -t 0 cc
    is "$(names_in aa friend)" ''
    sc_ok start cc
    is "$("$SC" inspect cc | jq -r '.[0].NetworkSettings.Networks.one.GlobalIPv6Address')" fd00:71::7
    sc_ok network disconnect one cc
    [[ $("$SC" exec cc cat /etc/hosts) != *fd00* ]]
    sc_ok run --rm --network one:ip6=fd00:71::8,ip=10.71.0.8 --add-host gate:host-gateway --add-host far:[2001:db8::7] base \
        sh -c 'ip -o addr; ip -6 route; cat /etc/hosts'
    expect_output fd00:71::8/64
    expect_output 10.71.0.8/24
    expect_output 'default via fd00:71::9'
    expect_output $'fd00:71::9\tgate'
    expect_output $'2001:db8::7\tfar'
    wait_until says fd00:71::101 ls_v6
    # the flags that stand for the first network
    sc_ok run --rm --network one --ip6 fd00:71::8 --mac-address 02:00:00:00:00:07 base ip -6 -o addr show eth0
    expect_output fd00:71::8/64
    expect_output fe80::ff:fe00:7/64
}

says_alone()
{
    [ "$(find "$SC_RUN_ROOT/lease/net" -type l | wc -l)" = 2 ]
}

@test "an alias of several containers has all their addresses, with musl and with glibc, and addresses have names" {
    sc_ok network create --subnet 10.71.0.0/24 --subnet fd00:71::/64 n
    for name in db1 db2; do sc_ok run -d --name $name --network n --network-alias db base sleep 1000; done
    cat >"$BATS_TEST_TMPDIR/look.c" <<'END'
#include <netdb.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char address[NI_MAXHOST], name[NI_MAXHOST];

    (void)argc;
    if (getaddrinfo(argv[1], NULL, &hints, &found) != 0)
        return 1;
    for (; found; found = found->ai_next) {
        getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST);
        getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof(name), NULL, 0, 0);
        printf("%s %s\n", address, name);
    }
    return 0;
}
END
    wanted=$'10.71.0.2 db1.n\n10.71.0.3 db2.n\nfd00:71::2 db1.n\nfd00:71::3 db2.n'
    musl-gcc -static -o "$BATS_TEST_TMPDIR/look-musl" "$BATS_TEST_TMPDIR/look.c"
    sc_ok run --rm --network n -v "$BATS_TEST_TMPDIR/look-musl:/look" base /look db
    is "$(sort <<<"$output")" "$wanted"
    cc -o "$BATS_TEST_TMPDIR/look-glibc" "$BATS_TEST_TMPDIR/look.c"
    sc_ok run --rm --network n -v /usr/lib:/lib:ro -v /usr/lib:/usr/lib:ro \
        -v /usr/lib64:/lib64:ro -v "$BATS_TEST_TMPDIR/look-glibc:/look" base /look db
    is "$(sort <<<"$output")" "$wanted"
}

@test "tables that another program has emptied are whole again, IPv6 included" {
    sc_ok network create --subnet 10.71.0.0/24 --subnet fd00:71::/64 n
    serve web hello --network n -p 8080:80
    wait_until says hello ask "$host" '[::1]' 8080
    at "$host" nft list ruleset | sort >"$BATS_TEST_TMPDIR/ruleset"
    at "$host" nft flush ruleset
    at "$host" ip link delete sclo0
    sc_ok run --rm --network n base true
    is "$(ask "$host" '[::1]' 8080)" hello
    wait_until says_alone
    at "$host" nft list ruleset | sort | diff "$BATS_TEST_TMPDIR/ruleset" -
}

@test "explain=sh makes the same network by hand, IPv6 included" {
    sc_ok network create --subnet 10.71.0.0/24 --subnet fd00:71::/64 n
    inside='ip -o addr show eth0 scope global; ip -6 route | grep default; cat /proc/sys/net/ipv6/conf/eth0/accept_ra; exit 3'
    sc_fails 3 run --rm --network n -p 8080:80 base sh -c "$inside"
    ours=$output
    wait_until all_free
    at "$host" nft list ruleset >"$BATS_TEST_TMPDIR/table"
    sc_ok run --rm --dry-run --network n -p 8080:80 base true
    expect_output "nft add element inet sc ports6 '{ tcp . 8080 : fd00:71::2 . 80 }'"
    expect_output 'ip address add fd00:71::2/64 nodad dev eth0'
    expect_output 'write("/proc/sys/net/ipv6/conf/eth0/accept_ra", "0")'
    sc_ok run --explain=sh --network n -p 8080:80 base sh -c "$inside"
    echo "$output" >"$BATS_TEST_TMPDIR/script"
    at "$host" nft flush ruleset
    at "$host" ip link delete "$("$SC" network inspect -f '{{.Bridge}}' n)"
    at "$host" ip link delete sclo0
    run at "$host" sh "$BATS_TEST_TMPDIR/script"
    is "$status $output" "3 $ours"
    at "$host" nft list ruleset | diff "$BATS_TEST_TMPDIR/table" -
}

@test "a host that hears router advertisements goes on hearing them when it begins to forward" {
    is "$(at "$host" cat /proc/sys/net/ipv6/conf/ext0/accept_ra)" 1
    sc_ok network create --ipv6 --internal in
    sc_ok run --rm --network in base true
    is "$(at "$host" cat /proc/sys/net/ipv6/conf/all/forwarding)" 0
    sc_ok network create --ipv6 n
    sc_ok run --rm --network n base true
    is "$(at "$host" cat /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv6/conf/ext0/accept_ra)" $'1\n2'
}

@test "bad input with IPv6: one line, nothing made" {
    at "$host" ip address add 2001:db8:5::1/64 dev ext0 nodad
    sc_ok network create --subnet 10.71.0.0/24 --subnet fd00:71::/64 n
    sc_ok network create four
    while IFS='|' read -r words message; do
        # shellcheck disable=SC2086
        sc_fails 1 network create $words x
        is "$stderr" "sc: create network: $message"
    done <<'END'
--subnet fd00:71::/48|subnet fd00:71::/48 overlaps fd00:71::/64 of network "n"
--subnet 2001:db8:5:1::/48|--subnet: subnet "2001:db8:5:1::/48" has bits below its prefix: "2001:db8:5::/48" is meant
--subnet 2001:db8:5::/80|subnet 2001:db8:5::/80 overlaps the host's route to 2001:db8:5::/64
--subnet fd00:5::/64 --gateway fd00:6::1|--gateway fd00:6::1 is no host of the subnet fd00:5::/64
--subnet fd00:5::/64 --gateway 10.1.2.3|--gateway 10.1.2.3: it needs a --subnet of its family
--subnet fd00:5::/64 --ip-range fd00:6::/80|--ip-range fd00:6::/80 is not inside the subnet fd00:5::/64
--subnet fd00:5::/64 --subnet fd00:6::/64|--subnet fd00:6::/64: a network has one of each family
--subnet fd00:5::/127|--subnet fd00:5::/127: it has no room for a gateway and a container
END
    is "$("$SC" network ls -q --filter name=x)" ''
    while IFS='|' read -r words message; do
        # shellcheck disable=SC2086
        sc_fails 125 run --rm $words base true
        expect_stderr "$message"
    done <<'END'
--network n --ip6 fd00:72::5|--ip6 fd00:72::5 is no host of network "n" (fd00:71::/64)
--network n --ip6 fd00:71::1|--ip6 fd00:71::1: the address is the network's gateway
--network n --ip6 10.71.0.5|"10.71.0.5" is not an IPv6 address
--network n:ip6=10.71.0.5|ip6=10.71.0.5: it is an address of the other family
--network n --ip fd00:71::5|"fd00:71::5" is not an IPv4 address
--network four --ip6 fd00:71::5|--ip6 fd00:71::5: network "four" has no subnet of that family
--network bridge --ip6 fd00:71::5|user specified IP address is supported on user defined networks only
--network n -p ::1:80:80|"::1": an IPv6 address is written [::1]
END
    is "$(find "$SC_RUN_ROOT/lease" -type l | wc -l)" 0
    is "$(at "$host" ip -o link | grep -c 'scv')" 0
}
