/* Counts the calls that read or change files below a folder, and at one of them ends the process, lets the call fail or
   carry out half of it, or sets the clock back.

   Loaded by LD_PRELOAD. Nothing is counted before `campaign_arm`. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SHORT = -1, CLOCK = -2, LATE = -3, HOUR = 3600 };

static char root[PATH_MAX];
static atomic_long calls;
static long chosen;     /* the call, from 1, at which it happens; 0: none */
static int send_signal; /* the signal that is sent there, before the call; 0: none */
static int fail_with;   /* errno of the call, and of later ones if it is ENOSPC, EROFS or ESTALE; SHORT, CLOCK, LATE; 0: none */
static int is_late;     /* 1 once the clock is set back */
static int notes = -1;  /* file to which every counted call is written as a line */

void campaign_arm(const char *folder, long call, int signal_number, int error, const char *log) {
  notes = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  snprintf(root, sizeof root, "%s", folder);
  chosen = call, send_signal = signal_number, fail_with = error;
  is_late = 0;
  atomic_store(&calls, 0);
}

/* Note a call on a file, whose name begins with # if it only reads; return 1 if it must fail, SHORT if it must do half of it. */
static int is_hit(const char *name, const char *path, const char *more) {
  static const char *growing = "write,pwrite,writev,open,mkdir,ftruncate";
  if (notes < 0 || strncmp(path, root, strlen(root)) != 0) return 0;
  long number = atomic_fetch_add(&calls, 1) + 1;
  char line[3 * PATH_MAX];
  struct stat file;
  long size = stat(path, &file) == 0 ? (long)file.st_size : -1;
  int length = snprintf(line, sizeof line, "%ld\t%s\t%ld\t%s\t%s\n", number, name, size, path, more);
  ssize_t (*plain_write)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  if (plain_write(notes, line, length) < 0) return 0;
  if (chosen == number && send_signal) raise(send_signal == SIGTERM ? SIGTERM : SIGKILL);
  if (chosen == number && fail_with == SHORT) return SHORT;
  if (chosen == number && fail_with == CLOCK) is_late = 1;
  if (chosen == number && fail_with == LATE) {
    errno = ENOENT;
    return 1;
  }
  int lasts = (fail_with == ENOSPC && strstr(growing, name)) || (fail_with == EROFS && name[0] != '#') ||
              fail_with == ESTALE;
  if (fail_with > 0 && chosen && (chosen == number || (number > chosen && lasts))) {
    errno = fail_with;
    return 1;
  }
  return 0;
}

static const char *of_descriptor(int descriptor, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  return path;
}

static const char *whole(int folder, const char *name, char *path) {
  if (name[0] == '/') return name;
  char parent[PATH_MAX];
  if (folder == AT_FDCWD) {
    if (!getcwd(parent, sizeof parent)) parent[0] = 0;
  } else {
    of_descriptor(folder, parent);
  }
  snprintf(path, PATH_MAX, "%.2040s/%.2040s", parent, name);
  return path;
}

#define NEXT(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

#define ON_DESCRIPTOR(type, name, call, half, parameters, arguments, ...)                \
  type name parameters {                                                                 \
    char path[PATH_MAX];                                                                 \
    int hit = notes >= 0 ? is_hit(call, of_descriptor(descriptor, path), "") : 0;        \
    if (hit == 1) return -1;                                                             \
    if (hit == SHORT) half;                                                              \
    return NEXT(type, name, __VA_ARGS__) arguments;                                      \
  }

#define HALF size = (size + 1) / 2
#define WHOLE (void)hit

ON_DESCRIPTOR(ssize_t, write, "write", HALF, (int descriptor, const void *data, size_t size), (descriptor, data, size),
              int, const void *, size_t)
ON_DESCRIPTOR(ssize_t, pwrite, "pwrite", HALF, (int descriptor, const void *data, size_t size, off_t at),
              (descriptor, data, size, at), int, const void *, size_t, off_t)
ON_DESCRIPTOR(ssize_t, pwrite64, "pwrite", HALF, (int descriptor, const void *data, size_t size, off64_t at),
              (descriptor, data, size, at), int, const void *, size_t, off64_t)
ON_DESCRIPTOR(ssize_t, writev, "writev", WHOLE, (int descriptor, const struct iovec *data, int count),
              (descriptor, data, count), int, const struct iovec *, int)
ON_DESCRIPTOR(ssize_t, read, "#read", HALF, (int descriptor, void *data, size_t size), (descriptor, data, size), int,
              void *, size_t)
ON_DESCRIPTOR(ssize_t, pread, "#read", HALF, (int descriptor, void *data, size_t size, off_t at),
              (descriptor, data, size, at), int, void *, size_t, off_t)
ON_DESCRIPTOR(ssize_t, pread64, "#read", HALF, (int descriptor, void *data, size_t size, off64_t at),
              (descriptor, data, size, at), int, void *, size_t, off64_t)
ON_DESCRIPTOR(int, fsync, "fsync", WHOLE, (int descriptor), (descriptor), int)
ON_DESCRIPTOR(int, fdatasync, "fsync", WHOLE, (int descriptor), (descriptor), int)
ON_DESCRIPTOR(int, ftruncate, "ftruncate", WHOLE, (int descriptor, off_t size), (descriptor, size), int, off_t)
ON_DESCRIPTOR(int, ftruncate64, "ftruncate", WHOLE, (int descriptor, off64_t size), (descriptor, size), int, off64_t)

ssize_t preadv64v2(int descriptor, const struct iovec *data, int count, off64_t at, int flags) {
  char path[PATH_MAX];
  int hit = notes >= 0 ? is_hit("#read", of_descriptor(descriptor, path), "") : 0;
  if (hit == 1) return -1;
  struct iovec first = {data->iov_base, (data->iov_len + 1) / 2};
  if (hit == SHORT) data = &first, count = 1;
  return NEXT(ssize_t, preadv64v2, int, const struct iovec *, int, off64_t, int)(descriptor, data, count, at, flags);
}

ON_DESCRIPTOR(ssize_t, sendfile64, "write", HALF, (int descriptor, int from, off64_t *at, size_t size),
              (descriptor, from, at, size), int, int, off64_t *, size_t)

DIR *opendir(const char *file) {
  char path[PATH_MAX];
  if (notes >= 0 && is_hit("#list", whole(AT_FDCWD, file, path), "") == 1) return NULL;
  return NEXT(DIR *, opendir, const char *)(file);
}

DIR *fdopendir(int descriptor) {
  char path[PATH_MAX];
  if (notes >= 0 && is_hit("#list", of_descriptor(descriptor, path), "") == 1) return NULL;
  return NEXT(DIR *, fdopendir, int)(descriptor);
}

#define OPENING(flags) (flags & (O_CREAT | O_TRUNC) ? "open" : "#open")

#define OPENS(name, at, parameters, arguments, ...)                                                 \
  int name parameters {                                                                             \
    va_list list;                                                                                   \
    va_start(list, flags);                                                                          \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, int) : 0;                               \
    va_end(list);                                                                                   \
    char path[PATH_MAX];                                                                            \
    if (notes >= 0 && is_hit(OPENING(flags), whole(at, file, path), "") == 1) return -1;            \
    return NEXT(int, name, __VA_ARGS__) arguments;                                                  \
  }

OPENS(open, AT_FDCWD, (const char *file, int flags, ...), (file, flags, mode), const char *, int, ...)
OPENS(open64, AT_FDCWD, (const char *file, int flags, ...), (file, flags, mode), const char *, int, ...)
OPENS(openat, at, (int at, const char *file, int flags, ...), (at, file, flags, mode), int, const char *, int, ...)
OPENS(openat64, at, (int at, const char *file, int flags, ...), (at, file, flags, mode), int, const char *, int, ...)

int rename(const char *from, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  if (notes >= 0 && is_hit("rename", whole(AT_FDCWD, from, a), whole(AT_FDCWD, to, b)) == 1) return -1;
  return NEXT(int, rename, const char *, const char *)(from, to);
}

int renameat(int folder, const char *from, int other, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  if (notes >= 0 && is_hit("rename", whole(folder, from, a), whole(other, to, b)) == 1) return -1;
  return NEXT(int, renameat, int, const char *, int, const char *)(folder, from, other, to);
}

#define ON_PATH(name, call, at, parameters, arguments, ...)                              \
  int name parameters {                                                                 \
    char path[PATH_MAX];                                                                \
    if (notes >= 0 && is_hit(call, whole(at, file, path), "") == 1) return -1;          \
    return NEXT(int, name, __VA_ARGS__) arguments;                                      \
  }

ON_PATH(unlink, "unlink", AT_FDCWD, (const char *file), (file), const char *)
ON_PATH(unlinkat, "unlink", at, (int at, const char *file, int flags), (at, file, flags), int, const char *, int)
ON_PATH(rmdir, "rmdir", AT_FDCWD, (const char *file), (file), const char *)
ON_PATH(mkdir, "mkdir", AT_FDCWD, (const char *file, mode_t mode), (file, mode), const char *, mode_t)
ON_PATH(mkdirat, "mkdir", at, (int at, const char *file, mode_t mode), (at, file, mode), int, const char *, mode_t)

ON_PATH(stat64, "#stat", AT_FDCWD, (const char *file, struct stat64 *found), (file, found), const char *,
        struct stat64 *)
ON_PATH(lstat64, "#stat", AT_FDCWD, (const char *file, struct stat64 *found), (file, found), const char *,
        struct stat64 *)
ON_PATH(fstatat64, "#stat", at, (int at, const char *file, struct stat64 *found, int flags), (at, file, found, flags),
        int, const char *, struct stat64 *, int)

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*next)(clockid_t, struct timespec *);
  if (!next) next = NEXT(int, clock_gettime, clockid_t, struct timespec *);
  int status = next(clock, now);
  if (is_late && clock == CLOCK_REALTIME) now->tv_sec -= HOUR;
  return status;
}
