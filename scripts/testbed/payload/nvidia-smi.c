/* A pretended nvidia-smi: answers from a CSV file what the real one asks the loaded driver. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GPUS "/etc/testbed/gpus.csv"
#define PERSISTENCE "/run/nvidia-persistence-mode" /* gone after a reboot, as the real setting is */
#define MAX_FIELDS 32
#define MAX_GPUS 16

struct row {
    char *cells[MAX_FIELDS];
    int count;
};

static struct row head, gpus[MAX_GPUS];
static int gpu_count;

static struct row split(char *line)
{
    struct row row = {.count = 0};
    line[strcspn(line, "\r\n")] = '\0';
    for (char *cell = strtok(line, ","); cell && row.count < MAX_FIELDS; cell = strtok(NULL, ","))
        row.cells[row.count++] = cell + strspn(cell, " ");
    return row;
}

static void read_gpus(void)
{
    static char lines[MAX_GPUS + 1][1024];
    FILE *file = fopen(GPUS, "r");
    if (!file)
        return;
    for (int n = 0; n <= MAX_GPUS && fgets(lines[n], sizeof lines[n], file); n++) {
        struct row row = split(lines[n]);
        if (n == 0)
            head = row;
        else if (row.count)
            gpus[gpu_count++] = row;
    }
    fclose(file);
}

static const char *value(int gpu, const char *field)
{
    static char index[12];
    if (!strcmp(field, "index")) {
        snprintf(index, sizeof index, "%d", gpu);
        return index;
    }
    if (!strcmp(field, "count")) {
        snprintf(index, sizeof index, "%d", gpu_count);
        return index;
    }
    if (!strcmp(field, "driver_version"))
        return DRIVER_VERSION;
    if (!strcmp(field, "persistence_mode"))
        return access(PERSISTENCE, F_OK) ? "Disabled" : "Enabled";
    for (int n = 0; n < head.count && n < gpus[gpu].count; n++)
        if (!strcmp(head.cells[n], field) || (!strcmp(field, "gpu_name") && !strcmp(head.cells[n], "name")))
            return gpus[gpu].cells[n];
    return NULL;
}

static const char *unit(const char *field)
{
    return strncmp(field, "memory.", 7) ? "" : "MiB";
}

static int query(char *fields, const char *format)
{
    bool header = !strstr(format, "noheader"), units = !strstr(format, "nounits");
    struct row wanted = split(fields);
    if (strncmp(format, "csv", 3)) {
        puts("\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.");
        return 2;
    }
    for (int n = 0; n < wanted.count; n++)
        if (!value(0, wanted.cells[n])) {
            printf("Field \"%s\" is not a valid field to query.\n\n", wanted.cells[n]);
            return 2;
        }
    for (int n = 0; header && n < wanted.count; n++) {
        const char *name = wanted.cells[n];
        printf("%s%s%s%s%s", n ? ", " : "", name, *unit(name) ? " [" : "", unit(name), *unit(name) ? "]" : "");
    }
    if (header)
        putchar('\n');
    for (int gpu = 0; gpu < gpu_count; gpu++)
        for (int n = 0; n < wanted.count; n++) {
            const char *name = wanted.cells[n];
            bool shown = units && *unit(name);
            printf("%s%s%s%s", value(gpu, name), shown ? " " : "", shown ? unit(name) : "",
                   n + 1 < wanted.count ? ", " : "\n");
        }
    return 0;
}

static int list(void)
{
    for (int gpu = 0; gpu < gpu_count; gpu++)
        printf("GPU %d: %s (UUID: %s)\n", gpu, value(gpu, "name"), value(gpu, "uuid"));
    return 0;
}

static int set_persistence(const char *mode)
{
    FILE *file = NULL;
    if (geteuid() != 0) {
        puts("Unable to set persistence mode: Insufficient Permissions\nTerminating early due to previous errors.");
        return 4;
    }
    if (strcmp(mode, "0") && !(file = fopen(PERSISTENCE, "w")))
        return 255;
    if (file)
        fclose(file);
    else
        unlink(PERSISTENCE);
    for (int gpu = 0; gpu < gpu_count; gpu++)
        printf("%s persistence mode for GPU %s.\n", file ? "Enabled" : "Disabled", value(gpu, "pci.bus_id"));
    puts("All done.");
    return 0;
}

/* Of what branch 550 writes, the beginning; it calls every card of a data centre NVIDIA, whatever its name. */
static int write_xml(int only)
{
    puts("<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>");
    printf("\t<driver_version>%s</driver_version>\n\t<cuda_version>%s</cuda_version>\n", DRIVER_VERSION, CUDA_VERSION);
    printf("\t<attached_gpus>%d</attached_gpus>\n", gpu_count);
    for (int gpu = 0; gpu < gpu_count; gpu++) {
        if (only >= 0 && gpu != only)
            continue;
        printf("\t<gpu id=\"%s\">\n", value(gpu, "pci.bus_id"));
        printf("\t\t<product_name>%s</product_name>\n", value(gpu, "name"));
        puts("\t\t<product_brand>NVIDIA</product_brand>");
        printf("\t\t<persistence_mode>%s</persistence_mode>\n", value(gpu, "persistence_mode"));
        printf("\t\t<uuid>%s</uuid>\n\t</gpu>\n", value(gpu, "uuid"));
    }
    puts("</nvidia_smi_log>");
    return 0;
}

static int table(void)
{
    puts("+-----------------------------------------------------------------------------------------+");
    printf("| NVIDIA-SMI %-22s Driver Version: %-14s CUDA Version: %-9s|\n", DRIVER_VERSION, DRIVER_VERSION,
           CUDA_VERSION);
    puts("|-----------------------------------------+------------------------+----------------------+");
    for (int gpu = 0; gpu < gpu_count; gpu++)
        printf("| %3d  %-34s | %-16s       | %6s MiB / %6s MiB |\n", gpu, value(gpu, "name"),
               value(gpu, "pci.bus_id"), value(gpu, "memory.used"), value(gpu, "memory.total"));
    puts("+-----------------------------------------------------------------------------------------+");
    return 0;
}

int main(int count, char **words)
{
    char *fields = NULL, *processes = NULL;
    const char *format = "", *mode = NULL;
    bool listing = false, all = false, xml = false;
    int only = -1; /* every GPU */
    for (int n = 1; n < count; n++) {
        if (!strncmp(words[n], "--query-gpu=", 12))
            fields = words[n] + 12;
        else if (!strncmp(words[n], "--query-compute-apps=", 21))
            processes = words[n] + 21;
        else if (!strncmp(words[n], "--format=", 9))
            format = words[n] + 9;
        else if (!strcmp(words[n], "-L") || !strcmp(words[n], "--list-gpus"))
            listing = true;
        else if (!strncmp(words[n], "--persistence-mode=", 19))
            mode = words[n] + 19;
        else if (!strcmp(words[n], "-pm") && n + 1 < count)
            mode = words[++n];
        else if (!strcmp(words[n], "-q"))
            all = true;
        else if (!strcmp(words[n], "-x"))
            xml = true;
        else if (!strcmp(words[n], "-i") && n + 1 < count)
            only = atoi(words[++n]);
        else {
            printf("Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n\n");
            return 2;
        }
    }
    if (all != xml) {
        puts("Of the long answers only -q -x is pretended.");
        return 2;
    }
    read_gpus();
    if (!gpu_count || only >= gpu_count) {
        puts("No devices were found");
        return 6;
    }
    if (processes) {
        if (!strstr(format, "noheader"))
            puts(processes);
        return 0;
    }
    if (all)
        return write_xml(only);
    return fields ? query(fields, format) : listing ? list() : mode ? set_persistence(mode) : table();
}
