#!/usr/bin/env python3
# criu.py: a stand-in for criu, called as `criu swrk FD`. It writes what it was asked to the file `told` two directories up,
# and does of it what sc-oci relies on: a dump ends the processes, a restore leaves one, as the caller's child.
#
# Files beside `told` make it behave otherwise: `fails` (an error in the log), `no-pid`, `dies` (no answer at all),
# `pty` (a restore hands over a terminal's other end).
import array, ctypes, os, pty, signal, socket, sys

NAMES = {1: 'images_dir', 2: 'pid', 3: 'leave_running', 4: 'ext_unix_sk', 5: 'tcp_established', 6: 'evasive_devices',
         7: 'shell_job', 8: 'file_locks', 9: 'log_level', 10: 'log_file', 11: 'ps', 12: 'notify_scripts', 13: 'root',
         14: 'parent_img', 15: 'track_mem', 16: 'auto_dedup', 17: 'work_dir', 24: 'manage_cgroups', 25: 'cg_root',
         26: 'rst_sibling', 27: 'inherit_fd', 34: 'manage_cgroups_mode', 37: 'external', 38: 'empty_ns', 39: 'join_ns',
         44: 'freeze_cgroup', 48: 'lazy_pages', 50: 'orphan_pts_master', 51: 'config_file', 53: 'lsm_profile',
         63: 'lsm_mount_context'}
PARTS = {'ps', 'cg_root', 'inherit_fd', 'join_ns'}
DUMP, RESTORE, PRE_DUMP, NOTIFY = 1, 2, 4, 6
CLONE_PARENT = 0x8000
here = os.path.dirname(os.path.abspath(sys.argv[0])) + '/..'


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        yield key >> 3, value


def field(number, value):
    def encode(n):
        out = b''
        while n >= 0x80:
            out, n = out + bytes([0x80 | n & 0x7f]), n >> 7
        return out + bytes([n])
    if isinstance(value, int):
        return encode(number << 3) + encode(value)
    return encode(number << 3 | 2) + encode(len(value)) + value


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def tell(kind, opts):
    with open(here + '/told', 'w') as told:
        print(kind, file=told)
        for number, value in opts:
            name = NAMES[number]
            if name in PARTS:
                value = ' '.join(text(part) for _, part in fields(value))
            elif name.endswith('_dir'):
                value = os.readlink('/proc/self/fd/%d' % value)
            print('%s=%s' % (name, text(value)), file=told)


sock = socket.socket(fileno=int(sys.argv[2]))


def notify(script, pid, fds=()):
    message = field(1, NOTIFY) + field(2, 1) + field(5, field(1, script) + field(2, pid))
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
    sock.sendmsg([message], control)
    answer = dict(fields(sock.recv(65536)))
    if answer != {1: NOTIFY, 3: 1}:
        sys.exit(0)  # the caller gave up


def restored():
    # os.fork has no flags, and the new process must be the caller's child
    pid = ctypes.CDLL(None, use_errno=True).syscall(56, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        try:
            os.execvp('sleep', ['sleep', '1000'])
        finally:
            os._exit(1)
    return pid


request = dict(fields(sock.recv(65536)))
kind, opts = request[1], list(fields(request[2]))
known = {NAMES[number]: value for number, value in opts}
tell({DUMP: 'dump', RESTORE: 'restore', PRE_DUMP: 'pre-dump'}[kind], opts)
if os.path.exists(here + '/dies'):
    os.kill(os.getpid(), signal.SIGKILL)
if os.path.exists(here + '/fails'):
    work = os.readlink('/proc/self/fd/%d' % known['work_dir'])
    with open('%s/%s' % (work, known['log_file'].decode()), 'w') as log:
        log.write('(00.00) Error (u.c:1): exited, status=1\n(00.01) a line\n(00.02) Error (a.c:22): the cause\n'
                  '(00.03) Error (b.c:3): what came of it\n')
    sock.send(field(1, kind) + field(2, 0) + field(7, 22))
    sys.exit(1)
answer = b''
if kind == RESTORE:
    with open('/proc/self/mountinfo') as mounts, open(here + '/mounted', 'w') as mounted:
        root = text(known['root'])
        mounted.write(''.join(line.split()[3] + '\n' for line in mounts if line.split()[4] == root))
    with open('/proc/self/cgroup') as now, open(here + '/cgroup', 'w') as kept:
        kept.write(now.read())
    pid = restored()
    notify(b'setup-namespaces', pid)
    if os.path.exists(here + '/pty'):
        master, slave = pty.openpty()
        os.write(slave, b'from inside\n')
        notify(b'orphan-pts-master', pid, [master])
    answer = field(4, field(1, 0 if os.path.exists(here + '/no-pid') else pid))
    if os.path.exists(here + '/no-pid'):
        os.kill(pid, signal.SIGKILL)
elif kind == DUMP:
    notify(b'status-ready', 0)
    if 'leave_running' not in known:
        os.kill(known['pid'], signal.SIGKILL)
sock.send(field(1, kind) + field(2, 1) + answer)
if kind == PRE_DUMP:
    sock.recv(65536)  # the next question, or the end
