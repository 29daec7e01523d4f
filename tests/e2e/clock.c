/* Makes a program read the time of day from a file, whose path is in CLOCK_FILE: seconds since 1970 as eight bytes.
   Loaded before the C library with LD_PRELOAD. Other clocks run on. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shown;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("CLOCK_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof *shown, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        shown = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (shown == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return (int)syscall(SYS_clock_gettime, clock, time);
    time->tv_sec = *shown;
    time->tv_nsec = 0;
    return 0;
}
