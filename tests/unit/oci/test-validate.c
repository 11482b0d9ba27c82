/*
 * Each row merges some JSON over a config that is right, and says what sc_oci_validate makes of it. A row
 * without a message must pass: the border beside each refusal.
 */
#include "config.h"

static const char base_config[] =
    "{\"ociVersion\":\"1.3.0\",\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
    "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"ipc\"},"
    "{\"type\":\"network\"},{\"type\":\"time\"}],\"resources\":{}}}";

#define USERNS                                                                                                         \
    "{\"linux\":{\"namespaces\":[{\"type\":\"user\"},{\"type\":\"mount\"}],\"uidMappings\":[{\"containerID\":0,"       \
    "\"hostID\":1000,\"size\":10}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}]"
#define MAP(c, h, s) "{\"containerID\":" #c ",\"hostID\":" #h ",\"size\":" #s "}"
#define UID_MAPS(maps)                                                                                                 \
    "{\"linux\":{\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":[" maps "],\"gidMappings\":[" MAP(0, 0, 10) "]}" \
                                                                                                                  "}"
#define MOUNT(members)     "{\"mounts\":[{\"destination\":\"/m\"," members "}]}"
#define RESOURCES(members) "{\"linux\":{\"resources\":{" members "}}}"
#define SECCOMP(members)   "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"," members "}}}"
#define SYSCTL(name)       "{\"linux\":{\"sysctl\":{\"" name "\":\"1\"}}}"
#define NO_NAMESPACES      "\"linux\":{\"namespaces\":[]"
#define HEX64              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct row {
    const char *patch, *message;
} rows[] = {
    {"{}", NULL},
    /* version */
    {"{\"ociVersion\":null}", "ociVersion: is required"},
    {"{\"ociVersion\":\"1.0\"}", "ociVersion: \"1.0\" must be a version such as 1.3.0"},
    {"{\"ociVersion\":\"1.01.0\"}", "ociVersion: \"1.01.0\" must be a version such as 1.3.0"},
    {"{\"ociVersion\":\"1.0.0x\"}", "ociVersion: \"1.0.0x\" must be a version such as 1.3.0"},
    {"{\"ociVersion\":\"1.0.2-dev\"}", NULL},
    {"{\"ociVersion\":\"1.99.0+x\"}", NULL},
    {"{\"ociVersion\":\"2.0.0\"}", "ociVersion: \"2.0.0\" is not supported, only version 1 is"},
    /* root, process */
    {"{\"root\":null}", "root.path: is required"},
    {"{\"root\":{\"path\":\"\"}}", "root.path: is required"},
    {"{\"process\":null}", "process: is required"},
    {"{\"process\":{\"args\":[]}}", "process.args: must name a program"},
    {"{\"process\":{\"cwd\":null}}", "process.cwd: is required"},
    {"{\"process\":{\"cwd\":\"srv\"}}", "process.cwd: \"srv\" must be absolute"},
    {"{\"process\":{\"env\":[\"A=b\",\"=x\"]}}", "process.env[1]: \"=x\" must be KEY=VALUE"},
    {"{\"process\":{\"env\":[\"HOME\"]}}", "process.env[0]: \"HOME\" must be KEY=VALUE"},
    {"{\"process\":{\"env\":[\"A=\",\"B==\"]}}", NULL},
    {"{\"process\":{\"user\":{\"uid\":4294967295}}}", "process.user.uid: 4294967295 is not a user id"},
    {"{\"process\":{\"user\":{\"gid\":4294967295}}}", "process.user.gid: 4294967295 is not a group id"},
    {"{\"process\":{\"user\":{\"additionalGids\":[1,4294967295]}}}",
     "process.user.additionalGids[1]: 4294967295 is not a group id"},
    {"{\"process\":{\"user\":{\"uid\":4294967294,\"umask\":511}}}", NULL},
    {"{\"process\":{\"user\":{\"umask\":512}}}", "process.user.umask: must be a number from 0 to 511"},
    {"{\"process\":{\"capabilities\":{\"effective\":[\"CAP_KILL\",\"CAP_CHOWN\"],\"permitted\":[\"CAP_CHOWN\"]}}}",
     "process.capabilities.effective: CAP_KILL must be in permitted too"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CPU\",\"soft\":1,"
     "\"hard\":1}]}}",
     "process.rlimits[1].type: RLIMIT_CPU is given twice"},
    {"{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1}]}}",
     "process.rlimits[0].soft: RLIMIT_CPU must not be above its hard limit"},
    {"{\"process\":{\"oomScoreAdj\":1001}}", "process.oomScoreAdj: must be a number from -1000 to 1000"},
    {"{\"process\":{\"oomScoreAdj\":-1001}}", "process.oomScoreAdj: must be a number from -1000 to 1000"},
    {"{\"process\":{\"oomScoreAdj\":-1000}}", NULL},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}}}",
     "process.scheduler.nice: must be a number from -20 to 19"},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"priority\":1}}}",
     "process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only"},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"priority\":100}}}",
     "process.scheduler.priority: must be a number from 1 to 99"},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_RR\"}}}",
     "process.scheduler.priority: must be a number from 1 to 99"},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"priority\":99}}}", NULL},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"runtime\":5}}}",
     "process.scheduler: runtime, deadline and period are for SCHED_DEADLINE only"},
    {"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":5}}}", NULL},
    {"{\"process\":{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}}",
     "process.ioPriority.priority: must be a number from 0 to 7"},
    {"{\"process\":{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":7}}}", NULL},
    {"{\"process\":{\"execCPUAffinity\":{\"initial\":\"x\"}}}",
     "process.execCPUAffinity.initial: \"x\": must be a list such as 0-3,7"},
    {"{\"process\":{\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"1-\"}}}",
     "process.execCPUAffinity.final: \"1-\": must be a list such as 0-3,7"},
    /* names */
    {"{\"hostname\":\"h\"," NO_NAMESPACES "}}", "hostname: needs a uts namespace in linux.namespaces"},
    {"{\"domainname\":\"d\"," NO_NAMESPACES "}}", "domainname: needs a uts namespace in linux.namespaces"},
    {"{\"hostname\":\"" HEX64 "\"}", NULL},
    {"{\"hostname\":\"" HEX64 "x\"}", "hostname: \"" HEX64 "x\" must be at most 64 bytes long"},
    {"{\"hostname\":\"h\",\"linux\":{\"namespaces\":[{\"type\":\"uts\",\"path\":\"/proc/1/ns/uts\"}]}}", NULL},
    /* hooks, annotations */
    {"{\"hooks\":{\"prestart\":[{\"path\":\"hook\"}]}}", "hooks.prestart[0].path: \"hook\" must be absolute"},
    {"{\"hooks\":{\"createRuntime\":[{\"path\":\"/a\"},{\"path\":\"b\"}]}}",
     "hooks.createRuntime[1].path: \"b\" must be absolute"},
    {"{\"hooks\":{\"createContainer\":[{\"path\":\"b\"}]}}", "hooks.createContainer[0].path: \"b\" must be absolute"},
    {"{\"hooks\":{\"startContainer\":[{\"path\":\"b\"}]}}", "hooks.startContainer[0].path: \"b\" must be absolute"},
    {"{\"hooks\":{\"poststart\":[{\"path\":\"b\"}]}}", "hooks.poststart[0].path: \"b\" must be absolute"},
    {"{\"hooks\":{\"poststop\":[{\"path\":\"/b\",\"timeout\":0}]}}", "hooks.poststop[0].timeout: must be more than 0"},
    {"{\"annotations\":{\"\":\"x\"}}", "annotations: a key must not be empty"},
    /* namespaces */
    {"{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
     "linux.namespaces[1].type: pid is given twice"},
    {"{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"ns\"}]}}",
     "linux.namespaces[0].path: \"ns\" must be absolute"},
    {"{\"linux\":{\"uidMappings\":[" MAP(0, 0, 1) "]}}",
     "linux.uidMappings: needs a user namespace in linux.namespaces"},
    {"{\"linux\":{\"gidMappings\":[" MAP(0, 0, 1) "]}}",
     "linux.gidMappings: needs a user namespace in linux.namespaces"},
    {"{\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}}", "linux.uidMappings: is required for a new user namespace"},
    {"{\"linux\":{\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":[" MAP(0, 0, 1) "]}}",
     "linux.gidMappings: is required for a new user namespace"},
    {"{\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/u\"}]}}", NULL},
    {USERNS "}}", NULL},
    {UID_MAPS(MAP(0, 0, 0)), "linux.uidMappings[0].size: must be more than 0"},
    {UID_MAPS(MAP(0, 0, 1) "," MAP(4294967295, 5, 2)), "linux.uidMappings[1]: must end below id 4294967296"},
    {UID_MAPS(MAP(0, 0, 1) "," MAP(5, 4294967295, 2)), "linux.uidMappings[1]: must end below id 4294967296"},
    {UID_MAPS(MAP(0, 0, 10) "," MAP(9, 100, 1)), "linux.uidMappings[1]: must not overlap entry 0"},
    {UID_MAPS(MAP(0, 100, 10) "," MAP(50, 109, 1)), "linux.uidMappings[1]: must not overlap entry 0"},
    {UID_MAPS(MAP(0, 0, 10) "," MAP(10, 10, 4294967285)), NULL},
    {USERNS ",\"x\":0},\"process\":{\"user\":{\"uid\":10}}}", "process.user.uid: 10 is not in linux.uidMappings"},
    {USERNS ",\"x\":0},\"process\":{\"user\":{\"gid\":11}}}", "process.user.gid: 11 is not in linux.gidMappings"},
    {USERNS ",\"x\":0},\"process\":{\"user\":{\"uid\":9,\"additionalGids\":[9,12]}}}",
     "process.user.additionalGids[1]: 12 is not in linux.gidMappings"},
    {"{\"linux\":{\"namespaces\":[],\"timeOffsets\":{\"boottime\":{\"secs\":1}}}}",
     "linux.timeOffsets: needs a time namespace in linux.namespaces"},
    {"{\"linux\":{\"namespaces\":[{\"type\":\"time\",\"path\":\"/t\"}],\"timeOffsets\":{\"monotonic\":{\"secs\":1}}}}",
     "linux.timeOffsets: cannot be set in a joined time namespace"},
    {"{\"linux\":{\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}}}",
     "linux.timeOffsets.boottime.nanosecs: must be below 1000000000"},
    {"{\"linux\":{\"timeOffsets\":{\"monotonic\":{\"nanosecs\":1000000000}}}}",
     "linux.timeOffsets.monotonic.nanosecs: must be below 1000000000"},
    {"{\"linux\":{\"timeOffsets\":{\"monotonic\":{\"secs\":-5,\"nanosecs\":999999999}}}}", NULL},
    /* sysctl */
    {SYSCTL("net.ipv4.ip_forward"), NULL},
    {SYSCTL("kernel.shmmax"), NULL},
    {SYSCTL("fs.mqueue.msg_max"), NULL},
    {SYSCTL("kernel/msgmax"), NULL},
    {SYSCTL("kernel.domainname"), NULL},
    {SYSCTL("kernel.panic"), "linux.sysctl: \"kernel/panic\" is not of one container but of the whole host"},
    {SYSCTL("net/../kernel/panic"), "linux.sysctl: \"net/../kernel/panic\" is not the name of a sysctl"},
    {SYSCTL("network.x"), "linux.sysctl: \"network/x\" is not of one container but of the whole host"},
    {"{\"hostname\":\"h\",\"linux\":{\"sysctl\":{\"kernel.hostname\":\"x\"}}}",
     "linux.sysctl: \"kernel/hostname\" conflicts with hostname"},
    {"{\"domainname\":\"h\",\"linux\":{\"sysctl\":{\"kernel.domainname\":\"x\"}}}",
     "linux.sysctl: \"kernel/domainname\" conflicts with domainname"},
    {"{" NO_NAMESPACES ",\"sysctl\":{\"net.x\":\"1\"}}}", "linux.sysctl: \"net/x\" needs a namespace of type network"},
    {"{" NO_NAMESPACES ",\"sysctl\":{\"kernel.sem\":\"1\"}}}",
     "linux.sysctl: \"kernel/sem\" needs a namespace of type ipc"},
    /* devices */
    {"{\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"dev/x\"}]}}",
     "linux.devices[0].path: \"dev/x\" must be absolute"},
    {"{\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"/d\",\"major\":-1}]}}",
     "linux.devices[0].major: must be a number from 0 to 4095"},
    {"{\"linux\":{\"devices\":[{\"type\":\"b\",\"path\":\"/d\",\"minor\":1048576}]}}",
     "linux.devices[0].minor: must be a number from 0 to 1048575"},
    {"{\"linux\":{\"devices\":[{\"type\":\"u\",\"path\":\"/d\",\"major\":4095,\"minor\":1048575},{\"type\":\"p\","
     "\"path\":\"/p\",\"major\":-1}]}}",
     NULL},
    {"{" NO_NAMESPACES ",\"netDevices\":{\"eth0\":{}}}}",
     "linux.netDevices: needs a network namespace in linux.namespaces"},
    {"{\"linux\":{\"netDevices\":{\"a/b\":{}}}}", "linux.netDevices: \"a/b\" is not the name of a network device"},
    {"{\"linux\":{\"netDevices\":{\"eth0\":{\"name\":\"a b\"}}}}",
     "linux.netDevices.eth0.name: \"a b\" is not the name of a network device"},
    {"{\"linux\":{\"netDevices\":{\"abcdefghijklmno\":{\"name\":\"..\"}}}}",
     "linux.netDevices.abcdefghijklmno.name: \"..\" is not the name of a network device"},
    {"{\"linux\":{\"netDevices\":{\"abcdefghijklmnop\":{}}}}",
     "linux.netDevices: \"abcdefghijklmnop\" is not the name of a network device"},
    /* cgroup path, resctrl, memory policy */
    {"{\"linux\":{\"cgroupsPath\":\"/a/../b\"}}", "linux.cgroupsPath: \"/a/../b\" must not contain \"..\""},
    {"{\"linux\":{\"cgroupsPath\":\"..\"}}", "linux.cgroupsPath: \"..\" must not contain \"..\""},
    {"{\"linux\":{\"cgroupsPath\":\"system.slice:sc:a..b\"}}", NULL},
    {"{\"linux\":{\"intelRdt\":{\"closID\":\"a/b\"}}}", "linux.intelRdt.closID: \"a/b\" must be a file name"},
    {"{\"linux\":{\"intelRdt\":{\"closID\":\"..\"}}}", "linux.intelRdt.closID: \"..\" must be a file name"},
    {"{\"linux\":{\"intelRdt\":{\"closID\":\".\"}}}", "linux.intelRdt.closID: \".\" must be a file name"},
    {"{\"linux\":{\"intelRdt\":{\"closID\":\"//\"}}}", "linux.intelRdt.closID: \"//\" must be a file name"},
    {"{\"linux\":{\"intelRdt\":{\"closID\":\"a\\nb\"}}}", "linux.intelRdt.closID: must be one line"},
    {"{\"linux\":{\"intelRdt\":{\"closID\":\"/\",\"l3CacheSchema\":\"L3:0=f\\nMB:0=1\",\"memBwSchema\":\"\"}}}", NULL},
    {"{\"linux\":{\"intelRdt\":{\"memBwSchema\":\"L3:0=f\"}}}",
     "linux.intelRdt.memBwSchema: \"L3:0=f\" must begin with \"MB:\""},
    {"{\"linux\":{\"intelRdt\":{\"memBwSchema\":\"MB:0=1\\nL3:0=f\"}}}",
     "linux.intelRdt.memBwSchema: must be one line"},
    {"{\"linux\":{\"intelRdt\":{\"schemata\":[\"L3:0=f\",\"MB:0=1\\n\"]}}}",
     "linux.intelRdt.schemata[1]: must be one line"},
    {"{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_DEFAULT\",\"nodes\":\"0\"}}}",
     "linux.memoryPolicy.nodes: must not be given for this mode"},
    {"{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"flags\":[\"MPOL_F_STATIC_NODES\"]}}}",
     "linux.memoryPolicy.flags: must not be given for this mode"},
    {"{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}}}", "linux.memoryPolicy.nodes: is required for this mode"},
    {"{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"x\"}}}",
     "linux.memoryPolicy.nodes: \"x\": must be a list such as 0-3,7"},
    {"{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\","
     "\"MPOL_F_RELATIVE_NODES\"]}}}",
     "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other"},
    {"{\"linux\":{\"memoryPolicy\":{\"mode\":\"MPOL_PREFERRED\"}}}", NULL},
    /* mounts */
    {"{" NO_NAMESPACES "},\"mounts\":[{\"destination\":\"/p\",\"type\":\"proc\"}]}", NULL},
    {"{" NO_NAMESPACES ",\"maskedPaths\":[\"/x\"]}}", "linux.maskedPaths: needs a mount namespace in linux.namespaces"},
    {"{" NO_NAMESPACES ",\"readonlyPaths\":[\"/x\"]}}",
     "linux.readonlyPaths: needs a mount namespace in linux.namespaces"},
    {"{" NO_NAMESPACES ",\"rootfsPropagation\":\"slave\"}}",
     "linux.rootfsPropagation: needs a mount namespace in linux.namespaces"},
    {"{" NO_NAMESPACES "},\"root\":{\"path\":\"r\",\"readonly\":true}}",
     "root.readonly: needs a mount namespace in linux.namespaces"},
    {"{" NO_NAMESPACES "}}", NULL},
    {MOUNT("\"type\":\"bind\""), "mounts[0].source: is required for a bind mount on \"/m\""},
    {MOUNT("\"options\":[\"rbind\"]"), "mounts[0].source: is required for a bind mount on \"/m\""},
    {MOUNT("\"source\":\"x\""), "mounts[0].type: is required to mount on \"/m\""},
    {MOUNT("\"options\":[\"remount\",\"ro\"]"), NULL},
    {MOUNT("\"type\":\"tmpfs\""), NULL},
    {MOUNT("\"type\":\"tmpfs\",\"options\":[\"idmap\"]"), "mounts[0]: only a bind mount can be id-mapped"},
    {MOUNT("\"type\":\"bind\",\"source\":\"/s\",\"options\":[\"ridmap\"]"),
     "mounts[0].options: idmap without mappings needs a user namespace in linux.namespaces"},
    {MOUNT("\"type\":\"bind\",\"source\":\"/s\",\"uidMappings\":[" MAP(0, 0, 1) "]"),
     "mounts[0]: uidMappings and gidMappings must both be given"},
    {MOUNT("\"type\":\"bind\",\"source\":\"/s\",\"uidMappings\":[" MAP(0, 0, 1) "],\"gidMappings\":[" MAP(0, 0, 0) "]"),
     "mounts[0].gidMappings[0].size: must be more than 0"},
    {"{\"linux\":{\"maskedPaths\":[\"/a\",\"b\"]}}", "linux.maskedPaths[1]: \"b\" must be absolute"},
    {"{\"linux\":{\"readonlyPaths\":[\"b\"]}}", "linux.readonlyPaths[0]: \"b\" must be absolute"},
    {"{\"linux\":{\"rootfsPropagation\":\"public\"}}",
     "linux.rootfsPropagation: unknown value \"public\", must be shared, slave, private or unbindable"},
    {"{\"linux\":{\"rootfsPropagation\":\"rslave\"}}", NULL},
    /* resources */
    {RESOURCES("\"devices\":[{\"allow\":true,\"type\":\"c\"}]"),
     "linux.resources.devices[0].access: must have at least one of r, w and m"},
    {RESOURCES("\"memory\":{\"limit\":-2}"), "linux.resources.memory.limit: must be a number of bytes, or -1"},
    {RESOURCES("\"memory\":{\"reservation\":-2}"),
     "linux.resources.memory.reservation: must be a number of bytes, or -1"},
    {RESOURCES("\"memory\":{\"swap\":-2}"), "linux.resources.memory.swap: must be a number of bytes, or -1"},
    {RESOURCES("\"memory\":{\"kernel\":-2}"), "linux.resources.memory.kernel: must be a number of bytes, or -1"},
    {RESOURCES("\"memory\":{\"kernelTCP\":-2}"), "linux.resources.memory.kernelTCP: must be a number of bytes, or -1"},
    {RESOURCES("\"memory\":{\"swappiness\":101}"), "linux.resources.memory.swappiness: must be a number from 0 to 100"},
    {RESOURCES("\"memory\":{\"swap\":100}"), "linux.resources.memory.swap: needs a memory limit beside it"},
    {RESOURCES("\"memory\":{\"swap\":100,\"limit\":101}"),
     "linux.resources.memory.swap: must not be below the memory limit"},
    {RESOURCES("\"memory\":{\"swap\":100,\"limit\":-1}"),
     "linux.resources.memory.swap: must not be below the memory limit"},
    {RESOURCES("\"memory\":{\"swap\":100,\"limit\":100}"), NULL},
    {RESOURCES("\"memory\":{\"swap\":-1}"), NULL},
    {RESOURCES("\"cpu\":{\"period\":999}"), "linux.resources.cpu.period: must be a number from 1000 to 1000000"},
    {RESOURCES("\"cpu\":{\"period\":1000001}"), "linux.resources.cpu.period: must be a number from 1000 to 1000000"},
    {RESOURCES("\"cpu\":{\"quota\":999}"), "linux.resources.cpu.quota: must be at least 1000, or -1"},
    {RESOURCES("\"cpu\":{\"quota\":-1,\"period\":1000}"), NULL},
    {RESOURCES("\"cpu\":{\"idle\":2}"), "linux.resources.cpu.idle: must be 0 or 1"},
    {RESOURCES("\"cpu\":{\"cpus\":\"a\"}"), "linux.resources.cpu.cpus: \"a\": must be a list such as 0-3,7"},
    {RESOURCES("\"cpu\":{\"mems\":\"1-0\"}"), "linux.resources.cpu.mems: \"1-0\": must be a list such as 0-3,7"},
    {RESOURCES("\"blockIO\":{\"weight\":9}"), "linux.resources.blockIO.weight: must be a number from 10 to 1000"},
    {RESOURCES("\"blockIO\":{\"leafWeight\":1001}"),
     "linux.resources.blockIO.leafWeight: must be a number from 10 to 1000"},
    {RESOURCES("\"blockIO\":{\"weight\":0,\"leafWeight\":1000}"), NULL},
    {RESOURCES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":5}]}"),
     "linux.resources.blockIO.weightDevice[0]: weights must be numbers from 10 to 1000"},
    {RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"2M\",\"limit\":1}]"),
     "linux.resources.hugepageLimits[0].pageSize: \"2M\" must be a size such as 2MB"},
    {RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"02MB\",\"limit\":1}]"),
     "linux.resources.hugepageLimits[0].pageSize: \"02MB\" must be a size such as 2MB"},
    {RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"64KB\",\"limit\":1},{\"pageSize\":\"1GB\",\"limit\":1}]"), NULL},
    {RESOURCES("\"rdma\":{\"mlx5\":{}}"),
     "linux.resources.rdma.mlx5: must have at least one of hcaHandles and hcaObjects"},
    {RESOURCES("\"unified\":{\"../x.y\":\"1\"}"),
     "linux.resources.unified: \"../x.y\" must be a file name such as memory.high"},
    {RESOURCES("\"unified\":{\"memory\":\"1.5\"}"),
     "linux.resources.unified: \"memory\" must be a file name such as memory.high"},
    {RESOURCES("\"unified\":{\"memory.high\":\"max\"}"), NULL},
    /* seccomp */
    {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\",\"listenerPath\":\"/l\"}}}",
     "linux.seccomp.defaultAction: must not be SCMP_ACT_NOTIFY"},
    {SECCOMP("\"architectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_VAX\"]"),
     "linux.seccomp.architectures[1]: unknown value \"SCMP_ARCH_VAX\""},
    {SECCOMP("\"listenerMetadata\":\"m\""), "linux.seccomp.listenerMetadata: needs a listenerPath beside it"},
    {SECCOMP("\"listenerPath\":\"l\""), "linux.seccomp.listenerPath: \"l\" must be absolute"},
    {SECCOMP("\"syscalls\":[{\"names\":[\"mknod\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"),
     "linux.seccomp.listenerPath: is required for SCMP_ACT_NOTIFY"},
    {SECCOMP("\"listenerPath\":\"/l\",\"syscalls\":[{\"names\":[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"),
     "linux.seccomp.syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall"},
    {SECCOMP("\"listenerPath\":\"/l\",\"syscalls\":[{\"names\":[\"mknod\"],\"action\":\"SCMP_ACT_NOTIFY\"}]"), NULL},
    {SECCOMP("\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}]"),
     "linux.seccomp.syscalls[0].names: must not be empty"},
    {SECCOMP("\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":0,\"op\":"
             "\"SCMP_CMP_EQ\"}]}]"),
     "linux.seccomp.syscalls[0].args[0].index: must be a number from 0 to 5"},
};

/* RFC 7396, but for its removal of null, which decoders take for absent. */
static void
merge(json_t *into, json_t *patch)
{
    const char *key;
    json_t *value;

    json_object_foreach (patch, key, value) {
        json_t *old = json_object_get(into, key);

        if (json_is_object(value) && json_is_object(old))
            merge(old, value);
        else
            assert_int_equal(json_object_set(into, key, value), 0);
    }
}

static void
row_config(const char *patch_text, struct sc_buf *out)
{
    sc_cleanup_json config = NULL;
    sc_cleanup_json patch = NULL;
    struct sc_err err = SC_ERR_INIT;

    if (sc_json_parse(base_config, sizeof(base_config) - 1, "base", &config, &err) < 0 ||
        sc_json_parse(patch_text, strlen(patch_text), patch_text, &patch, &err) < 0)
        fail_msg("%s", err.msg);
    merge(config, patch);
    if (sc_json_dump(config, out, &err) < 0)
        fail_msg("%s", err.msg);
}

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_oci_spec spec;
        struct sc_err err = SC_ERR_INIT;
        int result;

        row_config(rows[i].patch, &text);
        if (sc_oci_decode(text.data, text.len, &arena, &spec, &err) < 0)
            fail_msg("%s: %s", rows[i].patch, err.msg);
        result = sc_oci_validate(&spec, &err);
        if (!rows[i].message && result < 0)
            fail_msg("%s: %s", rows[i].patch, err.msg);
        if (!rows[i].message)
            continue;
        if (result == 0)
            fail_msg("%s: passed", rows[i].patch);
        assert_string_equal(err.msg, rows[i].message);
        assert_true(err.kind == SC_ERR_INVALID || err.kind == SC_ERR_UNSUPPORTED);
    }
}

/* What only a builder can get wrong: decoding refuses or mends it. */
static void
test_built_specs(void **state)
{
    struct sc_oci_mount mount = {.destination = (char *)"m", .type = (char *)"tmpfs"};
    struct sc_oci_namespace ns = {.kind = SC_NS_MOUNT};
    struct sc_oci_device device = {.type = 0, .path = (char *)"/d"};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_spec spec;
    struct sc_err err;

    (void)state;
    assert_ok(sc_oci_decode(base_config, sizeof(base_config) - 1, &arena, &spec, &err));
    spec.linux_.namespaces = &ns;
    spec.linux_.namespace_count = 1;
    spec.mounts = &mount;
    spec.mount_count = 1;
    assert_fails(sc_oci_validate(&spec, &err), SC_ERR_INVALID, "mounts[0].destination: \"m\" must be absolute");
    spec.mount_count = 0;
    spec.linux_.devices = &device;
    spec.linux_.device_count = 1;
    assert_fails(sc_oci_validate(&spec, &err), SC_ERR_INVALID, "linux.devices[0].type: must be b, c, u or p");
}

static void
test_too_many_mappings(void **state)
{
    struct sc_oci_id_map maps[341];
    struct sc_oci_id_maps list = {maps, SC_ARRAY_LEN(maps)};
    struct sc_err err;

    (void)state;
    for (uint32_t i = 0; i < SC_ARRAY_LEN(maps); i++)
        maps[i] = (struct sc_oci_id_map){2 * i, 2 * i, 1};
    assert_fails(sc_oci_check_id_maps(&list, "x", &err), SC_ERR_INVALID, "x: must have at most 340 entries");
    list.count = 340;
    assert_ok(sc_oci_check_id_maps(&list, "x", &err));
}

static void
test_parts(void **state)
{
    struct sc_oci_resources resources = {.is_set = true, .cpu.idle = {true, 3}};
    struct sc_oci_seccomp seccomp = {.is_set = true, .listener_metadata = (char *)"m"};
    struct sc_oci_process process = {.is_set = true};
    struct sc_err err;

    (void)state;
    assert_fails(sc_oci_validate_process(&process, &err), SC_ERR_INVALID, "process.args: must name a program");
    assert_fails(sc_oci_validate_resources(&resources, &err), SC_ERR_INVALID,
                 "linux.resources.cpu.idle: must be 0 or 1");
    assert_fails(sc_oci_validate_seccomp(&seccomp, &err), SC_ERR_INVALID,
                 "linux.seccomp.listenerMetadata: needs a listenerPath beside it");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_built_specs),
        cmocka_unit_test(test_too_many_mappings),
        cmocka_unit_test(test_parts),
    };

    return RUN_TESTS(tests);
}
