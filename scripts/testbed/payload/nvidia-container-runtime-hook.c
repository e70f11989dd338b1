/* A pretended prestart hook: brings the node's nvidia-smi and its GPUs into the container, as the real one does. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NVIDIA_SMI "/usr/bin/nvidia-smi"

static void fail(const char *what)
{
    fprintf(stderr, "nvidia-container-cli: initialization error: %s\n", what);
    exit(1);
}

static char *contents(FILE *in)
{
    char *read = NULL;
    size_t size = 0;
    if (!in || getdelim(&read, &size, '\0', in) <= 0)
        fail("no container state");
    return read;
}

/* What follows `"key":` in `json`, without an opening quote. */
static char *after(char *json, const char *key)
{
    char quoted[64], *at;
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    at = json ? strstr(json, quoted) : NULL;
    if (!at)
        fail("incomplete container state");
    at += strlen(quoted);
    return at + strspn(at, " \t\r\n:\"");
}

static void bind(const char *source, const char *root)
{
    char target[PATH_MAX];
    snprintf(target, sizeof target, "%s%s", root, source);
    for (char *slash = target + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(target, 0755);
        *slash = '/';
    }
    int made = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (made < 0)
        fail("mount error: no place in the container");
    close(made);
    if (mount(source, target, NULL, MS_BIND, NULL))
        fail("mount error: file creation failed");
}

int main(int count, char **words)
{
    char path[PATH_MAX], root[PATH_MAX];
    char *state = contents(stdin);
    if (count < 2 || strcmp(words[count - 1], "prestart"))
        return 0;
    if (access(NVIDIA_SMI, X_OK))
        fail("load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file or directory");
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", atoi(after(state, "pid")));
    int mounts = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "%.*s/config.json", (int)strcspn(after(state, "bundle"), "\""), after(state, "bundle"));
    char *config = contents(fopen(path, "r"));
    char *given = after(strstr(config, "\"root\""), "path");
    snprintf(root, sizeof root, "%.*s", (int)strcspn(given, "\""), given);
    if (mounts < 0 || setns(mounts, CLONE_NEWNS))
        fail("namespace association failed");
    bind(NVIDIA_SMI, root);
    bind("/etc/testbed/gpus.csv", root);
    return 0;
}
