/*
 * A SHA-256 on a thread beside its owner, who writes the same bytes to a file meanwhile: each takes about as long as
 * the other. The bytes are lent from add to wait; the hash is the thread's between the two, and the owner's at any
 * other time.
 */
#include "image/transfer-priv.h"

static void *
main_of_thread(void *data)
{
    struct sc_hash_beside *beside = data;

    (void)pthread_mutex_lock(&beside->mutex);
    for (;;) {
        while (!beside->data && !beside->is_over)
            (void)pthread_cond_wait(&beside->asked, &beside->mutex);
        if (!beside->data)
            break;
        (void)pthread_mutex_unlock(&beside->mutex);
        if (beside->err.kind == SC_ERR_NONE)
            (void)!sc_hash_add(beside->hash, beside->data, beside->len, &beside->err);
        (void)pthread_mutex_lock(&beside->mutex);
        beside->data = NULL;
        (void)pthread_cond_signal(&beside->done);
    }
    (void)pthread_mutex_unlock(&beside->mutex);
    return NULL;
}

static bool
start(struct sc_hash_beside *beside, struct sc_hash *hash)
{
    beside->hash = hash;
    beside->err = (struct sc_err)SC_ERR_INIT;
    (void)pthread_mutex_init(&beside->mutex, NULL);
    (void)pthread_cond_init(&beside->asked, NULL);
    (void)pthread_cond_init(&beside->done, NULL);
    beside->is_running = pthread_create(&beside->thread, NULL, main_of_thread, beside) == 0;
    return beside->is_running;
}

bool
sc_hash_beside_add(struct sc_hash_beside *beside, struct sc_hash *hash, const void *data, size_t len)
{
    if (!beside->is_running && !start(beside, hash))
        return false;
    (void)pthread_mutex_lock(&beside->mutex);
    beside->data = data;
    beside->len = len;
    (void)pthread_cond_signal(&beside->asked);
    (void)pthread_mutex_unlock(&beside->mutex);
    return true;
}

int
sc_hash_beside_wait(struct sc_hash_beside *beside, struct sc_err *err)
{
    (void)pthread_mutex_lock(&beside->mutex);
    while (beside->data)
        (void)pthread_cond_wait(&beside->done, &beside->mutex);
    (void)pthread_mutex_unlock(&beside->mutex);
    if (beside->err.kind == SC_ERR_NONE)
        return 0;
    *err = beside->err;
    return -1;
}

void
sc_hash_beside_release(struct sc_hash_beside *beside)
{
    if (!beside->is_running)
        return;
    (void)pthread_mutex_lock(&beside->mutex);
    beside->is_over = true;
    (void)pthread_cond_signal(&beside->asked);
    (void)pthread_mutex_unlock(&beside->mutex);
    (void)pthread_join(beside->thread, NULL);
    beside->is_running = false;
    (void)pthread_cond_destroy(&beside->asked);
    (void)pthread_cond_destroy(&beside->done);
    (void)pthread_mutex_destroy(&beside->mutex);
}
