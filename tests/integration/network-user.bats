#!/usr/bin/env bats
# Networks without root: pasta and slirp4netns, as an ordinary user, with a /dev/net/tun that the user may open.
# no-vm: the emulated machine has neither program
load helpers

# as_user SCRIPT KIND: in a network namespace with one address, and a mount namespace with a tun of its own.
as_user()
{
    printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/script"
    cat >"$BATS_TEST_TMPDIR/outer" <<'END'
ip link set lo up
ip link add ext0 type veth peer name ext1
ip address add 203.0.113.1/24 dev ext0
ip link set ext0 up
ip link set ext1 up
ip route add default via 203.0.113.254 dev ext0
mknod -m 666 "$1/tun" c 10 200
mount --bind "$1/tun" /dev/net/tun
chmod 666 "$1/tun"
exec "$2" "$1/home" sh "$1/script" "$3" "$4"
END
    chmod 711 "$BATS_TEST_TMPDIR"
    chmod 644 "$BATS_TEST_TMPDIR/script"
    env -u SC_DATA_ROOT -u SC_RUN_ROOT -u SC_NETWORK unshare -n -m sh "$BATS_TEST_TMPDIR/outer" "$BATS_TEST_TMPDIR" \
        "$BATS_TEST_DIRNAME/as-user" "$SC" "$2" 3>&- 2>&1
}

# Asks until the server is up, for the container's program starts beside its network.
ROUND='sc=$1 kind=$2
$sc run -d --name web --network $kind -p 8080:80 base sh -c "mkdir -p /tmp/www; echo there >/tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www" >/dev/null || exit
n=0
until [ "$(curl -s --max-time 3 http://203.0.113.1:8080/)" = there ] || [ $n = 100 ]; do n=$((n + 1)); sleep 0.1; done
echo "served $(curl -s --max-time 3 http://127.0.0.1:8080/)"
$sc exec web ip -4 -o addr show eth0
$sc port web
$sc inspect -f "{{.HostConfig.NetworkMode}}" web
$sc rm -f web >/dev/null
find "$HOME" -name "network.json*" -o -name "tcp,*"
for p in /proc/[0-9]*; do
    [ "$(stat -c %u $p 2>/dev/null)" = "$(id -u)" ] && grep -q "^State:.*[^Z] (" $p/status && grep -hE "^Name:.*(pasta|slirp)" $p/status
done
echo end'

# Copies of the programs, for the tree may be where the user cannot go.
setup_file()
{
    mkdir "$BATS_FILE_TMPDIR/bin"
    find "$SC_BIN" -maxdepth 1 -type f -perm /111 -exec cp -t "$BATS_FILE_TMPDIR/bin" {} +
    chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/file "$BATS_FILE_TMPDIR"
}

setup()
{
    sc_setup
    [ "$(id -u)" -eq 0 ] || skip "needs root, to become a user"
    chmod 711 "$BATS_RUN_TMPDIR"/test
    SC=$BATS_FILE_TMPDIR/bin/sc
}

@test "without root: pasta carries a published port, ends with its container, and leaves nothing" {
    output=$(as_user "$ROUND" pasta)
    matches "$output" $'served there\n.*203.0.113.1/24.*\n80/tcp -> 0.0.0.0:8080\npasta\nend$'
}

@test "without root: slirp4netns does so too" {
    output=$(as_user "$ROUND" slirp4netns)
    matches "$output" $'served there\n.*10.0.2.100/24.*\n80/tcp -> 0.0.0.0:8080\nslirp4netns\nend$'
}

# Its link may come after its program.
LOOK='"$1" run --rm base sh -c "n=0; until ip -4 -o addr show eth0 2>/dev/null | grep 203.0.113.1; do n=\$((n + 1)); [ \$n -lt 100 ] || exit; sleep 0.1; done"'

@test "without root: pasta is what a container has that says nothing of networks" {
    matches "$(as_user "$LOOK" x)" '203.0.113.1/24'
}

@test "without root: -p alone chooses pasta; low ports and a missing tun are said" {
    output=$(as_user '"$1" run --rm -p 8080:80 base ip -4 -o addr show eth0; "$1" run --rm -p 80:80 base true' x || :)
    matches "$output" "publish port 80/tcp: ports below 1024 are root's"
    chmod 755 "$BATS_TEST_TMPDIR"
    output=$(env -u SC_DATA_ROOT -u SC_RUN_ROOT -u SC_NETWORK "$BATS_TEST_DIRNAME/as-user" "$BATS_TEST_TMPDIR/home2" \
        sh -c '[ -w /dev/net/tun ] || exec "$1" run --rm -p 8080:80 base true' sh "$SC" 2>&1 || :)
    [ -z "$output" ] || matches "$output" 'open /dev/net/tun, which a network without root needs: permission denied'
    # without -p there is none, which is said once, and not where that was asked for
    output=$(env -u SC_DATA_ROOT -u SC_RUN_ROOT -u SC_NETWORK "$BATS_TEST_DIRNAME/as-user" "$BATS_TEST_TMPDIR/home2" \
        sh -c '[ -w /dev/net/tun ] || { "$1" run --rm base ls /sys/class/net; "$1" run --rm --network none base ls /sys/class/net; }' sh "$SC" 2>&1 || :)
    [ -z "$output" ] || is "$(grep -c 'the container has no network: open /dev/net/tun' <<<"$output") $(grep -cx lo <<<"$output")" '1 2'
}

@test "without root: doctor says whether there is what carries packets, and what to do where there is not" {
    matches "$(as_user '"$1" doctor' x)" $'ok +pasta or slirp4netns\n'
    printf '%s\n' 'for p in pasta slirp4netns; do [ ! -e /usr/bin/$p ] || mount --bind /dev/null /usr/bin/$p; done; exec "$@"' >"$BATS_TEST_TMPDIR/hide"
    output=$(env -u SC_DATA_ROOT -u SC_RUN_ROOT unshare -m sh "$BATS_TEST_TMPDIR/hide" "$BATS_TEST_DIRNAME/as-user" "$BATS_TEST_TMPDIR/home2" "$SC" doctor)
    matches "$output" 'missing +pasta or slirp4netns: no networks but none and host: .*neither is installed'
    matches "$output" 'fix: install one [(]Debian: passt, slirp4netns[)]'
}

# Of the host's links and tables a user may take away nothing; the kernel says so before it looks what there is.
@test "without root: a network is removed again, by name and by prune" {
    output=$(as_user '"$1" network create one && "$1" network create two && "$1" network rm one && "$1" network prune -f && "$1" network ls --format "{{.Name}}"; echo "ended with $?"' x)
    matches "$output" $'one\nDeleted Networks:\ntwo\n\nhost\nnone\nended with 0$'
}
