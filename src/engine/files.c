/* hosts, hostname and resolv.conf: the engine's own files, written at each start and bound over those of the image. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/engine-priv.h"

static const char hosts_default[] = "127.0.0.1\tlocalhost\n"
                                    "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                    "fe00::0\tip6-localnet\n"
                                    "ff00::0\tip6-mcastprefix\n"
                                    "ff02::1\tip6-allnodes\n"
                                    "ff02::2\tip6-allrouters\n";

/* A file of the host's /etc; absent is empty. */
static int
read_host(const char *path, struct sc_buf *out, struct sc_err *err)
{
    struct sc_err read_err = SC_ERR_INIT;

    if (sc_file_read_at(AT_FDCWD, path, SC_SMALL_FILE_MAX, out, &read_err) == 0 ||
        read_err.errnum == ENOENT) /* lint: the host's own */
        return 0;
    *err = read_err;
    return -1;
}

/* In place, not replaced: nobody reads it yet, and a bind mount of an earlier start is gone. */
static int
write_one(int dir_fd, const char *name, const char *text, uint32_t uid, uint32_t gid, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0)
        return sc_err_errno(err, errno, "create \"%s\"", name);
    if (sc_io_write_all(fd, text, strlen(text), err) < 0)
        return sc_err_wrap(err, "write \"%s\"", name);
    if ((uid != geteuid() || gid != getegid()) && fchown(fd, uid, gid) < 0)
        return sc_err_errno(err, errno, "give \"%s\" to uid %u", name, uid);
    return 0;
}

int
sc_files_write(const struct sc_engine *engine, const struct sc_inputs *in, struct sc_err *err)
{
    bool is_host_net = in->container->options.network.mode == SC_NS_HOST;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, in->container->id, err);
    sc_cleanup_buf hosts = SC_BUF_INIT, resolv = SC_BUF_INIT, hostname = SC_BUF_INIT;
    uint32_t uid = geteuid(), gid = getegid();
    struct utsname host;

    if (dir < 0)
        return -1;
    if (in->uid_maps.count > 0 && in->is_root) {
        (void)sc_id_map_find(&in->uid_maps, 0, &uid);
        (void)sc_id_map_find(&in->gid_maps, 0, &gid);
    }
    if ((is_host_net && read_host("/etc/hosts", &hosts, err) < 0) || read_host("/etc/resolv.conf", &resolv, err) < 0)
        return -1;
    if (hosts.len == 0)
        sc_buf_adds(&hosts, hosts_default);
    if (sc_hosts_add(in, &hosts, err) < 0 || sc_resolv_make(in, &resolv, err) < 0)
        return -1;
    (void)uname(&host);
    sc_buf_addf(&hostname, "%s\n", in->hostname ? in->hostname : host.nodename);
    if (sc_buf_check(&hosts, err) < 0 || sc_buf_check(&hostname, err) < 0)
        return -1;
    if (write_one(dir, "hosts", sc_buf_str(&hosts), uid, gid, err) < 0 ||
        write_one(dir, "hostname", sc_buf_str(&hostname), uid, gid, err) < 0)
        return -1;
    if (write_one(dir, "resolv.conf", sc_buf_str(&resolv), uid, gid, err) < 0)
        return -1;
    return 0;
}
