/* Makes the disk fail for the process that is started with this library, as long as a file is there that the test makes.
 *
 * SSF_FAULT_FULL: there is no room. SSF_FAULT_SYNC: what was written is not confirmed. SQLite writes with pwrite and
 * nobody else does, so that logs go on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int is_on(const char *name) {
    const char *path = getenv(name);
    int before = errno;
    int found = path != NULL && access(path, F_OK) == 0;
    errno = before;
    return found;
}

static int fails(const char *name, int with) {
    if (!is_on(name)) return 0;
    errno = with;
    return 1;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (next == NULL) next = dlsym(RTLD_NEXT, "pwrite");
    return fails("SSF_FAULT_FULL", ENOSPC) ? -1 : next(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (next == NULL) next = dlsym(RTLD_NEXT, "pwrite64");
    return fails("SSF_FAULT_FULL", ENOSPC) ? -1 : next(file, bytes, count, at);
}

int fsync(int file) {
    static int (*next)(int);
    if (next == NULL) next = dlsym(RTLD_NEXT, "fsync");
    return fails("SSF_FAULT_SYNC", EIO) ? -1 : next(file);
}

int fdatasync(int file) {
    static int (*next)(int);
    if (next == NULL) next = dlsym(RTLD_NEXT, "fdatasync");
    return fails("SSF_FAULT_SYNC", EIO) ? -1 : next(file);
}
