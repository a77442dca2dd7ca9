/* Counts the calls that change files below a folder, and at one of them ends the process or makes the call fail.

   Loaded by LD_PRELOAD. Nothing is counted before `campaign_arm`. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static atomic_long calls;
static long chosen;     /* the call, from 1, at which it happens; 0: none */
static int send_signal; /* the signal that is sent there, before the call; 0: none */
static int fail_with;   /* errno of the call, and of all later ones if it is ENOSPC; 0: none */
static int notes = -1;  /* file to which every counted call is written as a line */

void campaign_arm(const char *folder, long call, int signal_number, int error, const char *log) {
  snprintf(root, sizeof root, "%s", folder);
  chosen = call, send_signal = signal_number, fail_with = error;
  atomic_store(&calls, 0);
  notes = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* Note a call on a file; return 1 if it must fail. */
static int is_hit(const char *name, const char *path, const char *more) {
  static const char *lasting = "write,pwrite,writev,open,mkdir,ftruncate";
  if (notes < 0 || strncmp(path, root, strlen(root)) != 0) return 0;
  long number = atomic_fetch_add(&calls, 1) + 1;
  char line[3 * PATH_MAX];
  struct stat file;
  long size = stat(path, &file) == 0 ? (long)file.st_size : -1;
  int length = snprintf(line, sizeof line, "%ld\t%s\t%ld\t%s\t%s\n", number, name, size, path, more);
  ssize_t (*plain_write)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  if (plain_write(notes, line, length) < 0) return 0;
  if (chosen == number && send_signal) raise(send_signal == SIGTERM ? SIGTERM : SIGKILL);
  int is_full = fail_with == ENOSPC && chosen && number > chosen && strstr(lasting, name) != NULL;
  if (fail_with && (chosen == number || is_full)) {
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

#define ON_DESCRIPTOR(type, name, call, parameters, arguments, ...)                      \
  type name parameters {                                                                 \
    char path[PATH_MAX];                                                                 \
    if (notes >= 0 && is_hit(call, of_descriptor(descriptor, path), "")) return -1;      \
    return NEXT(type, name, __VA_ARGS__) arguments;                                      \
  }

ON_DESCRIPTOR(ssize_t, write, "write", (int descriptor, const void *data, size_t size), (descriptor, data, size), int,
              const void *, size_t)
ON_DESCRIPTOR(ssize_t, pwrite, "pwrite", (int descriptor, const void *data, size_t size, off_t at),
              (descriptor, data, size, at), int, const void *, size_t, off_t)
ON_DESCRIPTOR(ssize_t, pwrite64, "pwrite", (int descriptor, const void *data, size_t size, off64_t at),
              (descriptor, data, size, at), int, const void *, size_t, off64_t)
ON_DESCRIPTOR(ssize_t, writev, "writev", (int descriptor, const struct iovec *data, int count),
              (descriptor, data, count), int, const struct iovec *, int)
ON_DESCRIPTOR(int, fsync, "fsync", (int descriptor), (descriptor), int)
ON_DESCRIPTOR(int, fdatasync, "fsync", (int descriptor), (descriptor), int)
ON_DESCRIPTOR(int, ftruncate, "ftruncate", (int descriptor, off_t size), (descriptor, size), int, off_t)
ON_DESCRIPTOR(int, ftruncate64, "ftruncate", (int descriptor, off64_t size), (descriptor, size), int, off64_t)

#define OPENS(name)                                                                                  \
  int name(const char *file, int flags, ...) {                                                       \
    va_list list;                                                                                    \
    va_start(list, flags);                                                                           \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, int) : 0;                                \
    va_end(list);                                                                                    \
    char path[PATH_MAX];                                                                             \
    if (notes >= 0 && flags & (O_CREAT | O_TRUNC) && is_hit("open", whole(AT_FDCWD, file, path), "")) \
      return -1;                                                                                     \
    return NEXT(int, name, const char *, int, ...)(file, flags, mode);                               \
  }

OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                                              \
  int name(int folder, const char *file, int flags, ...) {                                          \
    va_list list;                                                                                   \
    va_start(list, flags);                                                                          \
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, int) : 0;                               \
    va_end(list);                                                                                   \
    char path[PATH_MAX];                                                                            \
    if (notes >= 0 && flags & (O_CREAT | O_TRUNC) && is_hit("open", whole(folder, file, path), "")) \
      return -1;                                                                                    \
    return NEXT(int, name, int, const char *, int, ...)(folder, file, flags, mode);                 \
  }

OPENS_AT(openat)
OPENS_AT(openat64)

int rename(const char *from, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  if (notes >= 0 && is_hit("rename", whole(AT_FDCWD, from, a), whole(AT_FDCWD, to, b))) return -1;
  return NEXT(int, rename, const char *, const char *)(from, to);
}

int renameat(int folder, const char *from, int other, const char *to) {
  char a[PATH_MAX], b[PATH_MAX];
  if (notes >= 0 && is_hit("rename", whole(folder, from, a), whole(other, to, b))) return -1;
  return NEXT(int, renameat, int, const char *, int, const char *)(folder, from, other, to);
}

int unlink(const char *file) {
  char path[PATH_MAX];
  if (notes >= 0 && is_hit("unlink", whole(AT_FDCWD, file, path), "")) return -1;
  return NEXT(int, unlink, const char *)(file);
}

int unlinkat(int folder, const char *file, int flags) {
  char path[PATH_MAX];
  if (notes >= 0 && is_hit("unlink", whole(folder, file, path), "")) return -1;
  return NEXT(int, unlinkat, int, const char *, int)(folder, file, flags);
}

int rmdir(const char *file) {
  char path[PATH_MAX];
  if (notes >= 0 && is_hit("rmdir", whole(AT_FDCWD, file, path), "")) return -1;
  return NEXT(int, rmdir, const char *)(file);
}

int mkdir(const char *file, mode_t mode) {
  char path[PATH_MAX];
  if (notes >= 0 && is_hit("mkdir", whole(AT_FDCWD, file, path), "")) return -1;
  return NEXT(int, mkdir, const char *, mode_t)(file, mode);
}

int mkdirat(int folder, const char *file, mode_t mode) {
  char path[PATH_MAX];
  if (notes >= 0 && is_hit("mkdir", whole(folder, file, path), "")) return -1;
  return NEXT(int, mkdirat, int, const char *, mode_t)(folder, file, mode);
}
