/* How fast can any program go that looks at every cache line of a file through a fresh mapping?
 *
 *     cc -O3 -pthread read_limit.c -o read_limit
 *     read_limit FILE [THREADS]
 *
 * Threads take windows of 8 MiB in turn: MADV_POPULATE_READ of the window, then one word of every 64-byte line.
 * Prints a sum that depends on all of them, so that no load can be left out.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

#define WINDOW_BYTES ((size_t)8 << 20)
#define LINE_BYTES 64
#define THREADS_MAX 256

static const unsigned char *map;
static size_t length;
static atomic_size_t next_window;
static atomic_uint_fast64_t total;

static void *touch(void *unused) {
    (void)unused;
    uint64_t sum = 0;
    for (;;) {
        size_t start = atomic_fetch_add(&next_window, WINDOW_BYTES);
        if (start >= length)
            break;
        size_t bytes = length - start < WINDOW_BYTES ? length - start : WINDOW_BYTES;
        /* Without the call the pages come by faults: slower, still the same sum. */
        madvise((void *)(map + start), bytes, MADV_POPULATE_READ);
        for (size_t line = 0; line + LINE_BYTES <= bytes; line += LINE_BYTES)
            sum += *(const uint64_t *)(map + start + line);
    }
    atomic_fetch_add(&total, sum);
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc > 2 ? atoi(argv[2]) : 1;
    if (argc < 2 || argc > 3 || threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: %s FILE [THREADS]\n", argv[0]);
        return 2;
    }
    int file = open(argv[1], O_RDONLY);
    struct stat facts;
    if (file < 0 || fstat(file, &facts) != 0) {
        perror(argv[1]);
        return 1;
    }
    length = (size_t)facts.st_size;
    map = mmap(NULL, length, PROT_READ, MAP_SHARED, file, 0);
    if (map == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    pthread_t others[THREADS_MAX];
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&others[i], NULL, touch, NULL) != 0) {
            fprintf(stderr, "cannot start a thread\n");
            return 1;
        }
    }
    touch(NULL);
    for (int i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
    printf("%016llx\n", (unsigned long long)total);
    return 0;
}
