/* The largest key of a snapshot by librdb's raw callbacks: its nearest equivalent of what preshard reports.
 *
 *     cc -O3 -I LIBRDB/api librdb_largest.c LIBRDB/lib/librdb.a -lm -o librdb_largest
 *     librdb_largest FILE            # without computing the checksum: librdb at its fastest
 *     librdb_largest --checksum FILE
 *
 * Prints the number of keys, the sum of their serialized bytes and the largest key. Reads through stdio, as
 * librdb's own file reader does (src/ext/readerFile.c).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "librdb-api.h"

#define NAME_BYTES_MAX 256

typedef struct Largest {
    uint64_t keys, bytes;
    uint64_t of_key;
    char key[NAME_BYTES_MAX];
    size_t key_bytes;
    uint64_t of_largest;
    char largest[NAME_BYTES_MAX];
    size_t largest_bytes;
} Largest;

static RdbStatus read_file(void *file, void *buffer, size_t bytes) {
    return fread(buffer, 1, bytes, file) == bytes ? RDB_STATUS_OK : RDB_STATUS_ERROR;
}

static RdbRes new_key(RdbParser *parser, void *data, RdbBulk key, RdbKeyInfo *info) {
    Largest *found = data;
    (void)info;
    size_t bytes = RDB_bulkLen(parser, key);
    found->key_bytes = bytes < NAME_BYTES_MAX ? bytes : NAME_BYTES_MAX;
    memcpy(found->key, key, found->key_bytes);
    found->of_key = 0;
    return RDB_OK;
}

static RdbRes fragment(RdbParser *parser, void *data, RdbBulk piece) {
    Largest *found = data;
    found->of_key += RDB_bulkLen(parser, piece);
    return RDB_OK;
}

static RdbRes end_key(RdbParser *parser, void *data) {
    Largest *found = data;
    (void)parser;
    found->keys++;
    found->bytes += found->of_key;
    if (found->of_key > found->of_largest) {
        found->of_largest = found->of_key;
        found->largest_bytes = found->key_bytes;
        memcpy(found->largest, found->key, found->key_bytes);
    }
    return RDB_OK;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("librdb %s\n", RDB_getLibVersion(NULL, NULL, NULL));
        return 0;
    }
    int checksum = argc == 3 && strcmp(argv[1], "--checksum") == 0;
    if (argc != 2 && !checksum) {
        fprintf(stderr, "usage: %s [--checksum] FILE\n", argv[0]);
        return 2;
    }
    FILE *file = fopen(argv[argc - 1], "rb");
    if (file == NULL) {
        perror(argv[argc - 1]);
        return 1;
    }
    Largest found = {0};
    RdbHandlersRawCallbacks callbacks = {
        .handleNewKey = new_key,
        .handleFrag = fragment,
        .handleEndKey = end_key,
    };
    RdbParser *parser = RDB_createParserRdb(NULL);
    RDB_setLogLevel(parser, RDB_LOG_ERR);
    if (!checksum)
        RDB_IgnoreChecksum(parser);
    RDB_createReaderRdb(parser, read_file, file, NULL);
    RDB_createHandlersRaw(parser, &callbacks, &found, NULL);
    RdbStatus status = RDB_parse(parser);
    int error = status == RDB_STATUS_OK ? 0 : (int)RDB_getErrorCode(parser);
    printf("%llu keys, %llu bytes, largest %.*s with %llu\n", (unsigned long long)found.keys,
           (unsigned long long)found.bytes, (int)found.largest_bytes, found.largest,
           (unsigned long long)found.of_largest);
    RDB_deleteParser(parser);
    fclose(file);
    return error == 0 ? 0 : 1;
}
