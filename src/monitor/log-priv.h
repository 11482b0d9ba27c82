/*
 * The log: a container's output as Docker's json-file format.
 *
 *     {"log":"hello\n","stream":"stdout","time":"2026-11-23T09:10:47.123456789Z"}
 *
 * With --log-opt tag, labels or env, "attrs":{"tag":"..."} stands before the time.
 *
 * A record is one line of output, or a piece of at most 16 KiB of a longer one (only its last piece ends in \n); a
 * piece is never cut inside a UTF-8 character. Bytes that are not UTF-8 become U+FFFD. Output without a newline waits
 * for one (or for 16 KiB, or the end). Many records are written with one write(2), and the file only ever grows by
 * whole records: what a failed write has left is cut off again.
 *
 * Writing never fails for the caller and never waits: a full disk costs log lines, not the container. How many bytes
 * were lost is noted in the log itself once a write succeeds again.
 */
#ifndef SC_MONITOR_LOG_PRIV_H
#define SC_MONITOR_LOG_PRIV_H

#include "base/base.h"

#define SC_LOG_LINE_MAX 16384

struct sc_log_hold {
    char *data;
    size_t len;
}; /* the start of a line; data has SC_LOG_LINE_MAX bytes, or is NULL */

struct sc_log_writer {
    int dir_fd, fd;         /* fd: O_APPEND; -1: no log */
    const char *name;       /* in dir_fd; borrowed from the path */
    int64_t size, max_size; /* bytes in the file; max_size <= 0: no rotation */
    int64_t rotate_at;      /* .. from which it rotates: max_size, and more after a try that failed */
    int max_files;
    const char *attributes; /* "attrs" of each record; borrowed; NULL: none */
    struct sc_buf batch;    /* whole records not yet written */
    uint64_t batch_bytes;   /* of output, in batch */
    uint64_t lost_bytes;    /* of output, that could not be written since the last note */
    int lost_errno;
    struct sc_log_hold holds[2]; /* stdout, stderr */
};
#define SC_LOG_WRITER_INIT                                                                                             \
    {                                                                                                                  \
        .dir_fd = -1, .fd = -1                                                                                         \
    }

/* path must outlive the writer. */
SC_MUST_CHECK int sc_log_open(struct sc_log_writer *log, const char *path, int64_t max_size, int max_files,
                              struct sc_err *err);
/* now: CLOCK_REALTIME ns, the time of every record that data completes. All that is complete is in the file on return.
 */
void sc_log_write(struct sc_log_writer *log, bool is_stderr, const char *data, size_t len, int64_t now);
/* Writes what waits for a newline that will not come. */
void sc_log_finish(struct sc_log_writer *log, int64_t now);
/* Gives memory back that only a busy log needs. */
void sc_log_trim(struct sc_log_writer *log);
void sc_log_release(struct sc_log_writer *log);
#define sc_cleanup_log_writer __attribute__((cleanup(sc_log_release))) struct sc_log_writer

/* ---- reading ------------------------------------------------------------------ */
struct sc_log_record {
    bool is_stderr;
    char time[SC_TIME_MAX]; /* as it is written */
    int64_t when;           /* the same as CLOCK_REALTIME ns */
    const char *attributes; /* "attrs", in the record; NULL: it has none */
    size_t attributes_len;
};
/* One line of a log without its newline. The output goes to text, whose failure the caller checks. False: it is no
 * record. */
bool sc_log_record_parse(const char *record, size_t len, struct sc_log_record *out, struct sc_buf *text);

/* Adds the attributes as --details prints them: "a=1,b=2", both parts as in the query of a URL. What is not a string is
 * left out. */
void sc_log_attributes_print(const char *attributes, size_t len, struct sc_buf *out);

/* The longest prefix of data (at most max bytes) that does not end inside a UTF-8 character. */
size_t sc_log_cut(const char *data, size_t max);

#endif
