/* A pretended nvidia-ctk: `runtime configure` edits docker's daemon.json as the real one does. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_MEMBERS 128

struct object { /* the members of one JSON object, each as it stood in the text */
    char *keys[MAX_MEMBERS], *values[MAX_MEMBERS];
    int count;
};

static void fail(const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    fputs("level=error msg=\"", stderr);
    vfprintf(stderr, format, rest);
    fputs("\"\n", stderr);
    va_end(rest);
    exit(1);
}

static char *cut(const char *from, const char *to)
{
    char *copy;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    if (asprintf(&copy, "%.*s", (int)(to - from), from) < 0)
        fail("out of memory");
    return copy;
}

static const char *blank(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *past_string(const char *at)
{
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    if (!*at)
        fail("unable to load config: unexpected end of JSON input");
    return at + 1;
}

static const char *past_value(const char *at)
{
    int depth = 0;
    for (; *at; at++) {
        if (*at == '"')
            at = past_string(at) - 1;
        else if (strchr("{[", *at))
            depth++;
        else if (strchr("}]", *at) && depth-- == 0)
            return at;
        else if (*at == ',' && depth == 0)
            return at;
    }
    fail("unable to load config: unexpected end of JSON input");
    return at;
}

static struct object parse(const char *at)
{
    struct object found = {.count = 0};
    at = blank(at);
    if (*at != '{')
        fail("unable to load config: a JSON object is wanted");
    at = blank(at + 1);
    while (*at != '}') {
        const char *end = *at == '"' ? past_string(at) : at;
        const char *colon = blank(end);
        if (end == at || *colon != ':' || found.count == MAX_MEMBERS)
            fail("unable to load config: invalid character near '%.20s'", at);
        found.keys[found.count] = cut(at, end);
        end = past_value(at = blank(colon + 1));
        found.values[found.count++] = cut(at, end);
        at = *end == ',' ? blank(end + 1) : end;
    }
    return found;
}

static void set(struct object *object, const char *key, const char *value)
{
    int n = 0;
    while (n < object->count && strcmp(object->keys[n], key))
        n++;
    if (n == MAX_MEMBERS)
        fail("too many keys");
    object->keys[n] = strdup(key);
    object->values[n] = strdup(value);
    object->count += n == object->count;
}

static char *text(const struct object *object, const char *indent)
{
    char *written = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&written, &size);
    fputs("{", out);
    for (int n = 0; n < object->count; n++)
        fprintf(out, "%s\n%s    %s: %s", n ? "," : "", indent, object->keys[n], object->values[n]);
    fprintf(out, "\n%s}", indent);
    fclose(out);
    return written;
}

static char *contents(const char *path)
{
    char *read = NULL;
    size_t size = 0;
    FILE *in = fopen(path, "r");
    if (!in)
        return strdup("{}");
    if (getdelim(&read, &size, '\0', in) < 0 || !*blank(read))
        read = strdup("{}");
    fclose(in);
    return read;
}

static void make_folder_of(const char *path)
{
    char *folder = strdup(path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0755);
        *slash = '/';
    }
    free(folder);
}

static int configure(const char *config, const char *runtime_path, bool as_default, bool cdi, bool only_show)
{
    char entry[512], *changed;
    fprintf(stderr, "level=info msg=\"Loading config from %s\"\n", config);
    struct object daemon = parse(contents(config)), runtimes = {.count = 0};
    for (int n = 0; n < daemon.count; n++)
        if (!strcmp(daemon.keys[n], "\"runtimes\""))
            runtimes = parse(daemon.values[n]);
    snprintf(entry, sizeof entry, "{\n            \"args\": [],\n            \"path\": \"%s\"\n        }", runtime_path);
    set(&runtimes, "\"nvidia\"", entry);
    set(&daemon, "\"runtimes\"", text(&runtimes, "    "));
    if (as_default)
        set(&daemon, "\"default-runtime\"", "\"nvidia\"");
    if (cdi)
        set(&daemon, "\"features\"", "{\"cdi\": true}");
    changed = text(&daemon, "");
    if (only_show)
        return puts(changed) < 0;
    make_folder_of(config);
    FILE *out = fopen(config, "w");
    if (!out || fprintf(out, "%s\n", changed) < 0 || fclose(out))
        fail("unable to flush config: %s", config);
    fprintf(stderr, "level=info msg=\"Wrote updated config to %s\"\n", config);
    fprintf(stderr, "level=info msg=\"It is recommended that docker daemon be restarted.\"\n");
    return 0;
}

/* The value of option `name` where `*word` is it, as --name=value or --name value. */
static const char *option(char ***word, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(**word, name, length))
        return NULL;
    if ((**word)[length] == '=')
        return **word + length + 1;
    return (**word)[length] == '\0' && (*word)[1] ? *++*word : NULL;
}

static int runtime_configure(char **word)
{
    const char *config = "/etc/docker/daemon.json", *path = "nvidia-container-runtime", *runtime = "docker", *given;
    bool as_default = false, cdi = false, only_show = false;
    for (; *word; word++) {
        if ((given = option(&word, "--runtime")))
            runtime = given;
        else if ((given = option(&word, "--config")))
            config = given;
        else if ((given = option(&word, "--nvidia-runtime-path")))
            path = given;
        else if (!strcmp(*word, "--set-as-default") || !strcmp(*word, "--nvidia-set-as-default"))
            as_default = true;
        else if (!strcmp(*word, "--cdi.enabled"))
            cdi = true;
        else if (!strcmp(*word, "--dry-run"))
            only_show = true;
        else
            fail("flag provided but not defined: %s", *word);
    }
    if (strcmp(runtime, "docker"))
        fail("unrecognized runtime '%s'", runtime);
    return configure(config, path, as_default, cdi, only_show);
}

static int write_runtime_config(void)
{
    const char *path = "/etc/nvidia-container-runtime/config.toml";
    make_folder_of(path);
    FILE *out = fopen(path, "w");
    if (!out)
        fail("could not write %s", path);
    fputs("[nvidia-container-cli]\nldconfig = \"@/sbin/ldconfig\"\n\n[nvidia-container-runtime]\nmode = \"auto\"\n", out);
    return fclose(out);
}

int main(int count, char **words)
{
    words++;
    if (count > 1 && !strcmp(*words, "--quiet"))
        words++, count--;
    if (count == 2 && (!strcmp(*words, "--version") || !strcmp(*words, "-v")))
        return puts("NVIDIA Container Toolkit CLI version " TOOLKIT_VERSION) < 0;
    if (count >= 3 && !strcmp(words[0], "runtime") && !strcmp(words[1], "configure"))
        return runtime_configure(words + 2);
    if (count == 3 && !strcmp(words[0], "config") && !strcmp(words[1], "--in-place"))
        return write_runtime_config();
    fail("No help topic for '%s'", count > 1 ? *words : "");
}
