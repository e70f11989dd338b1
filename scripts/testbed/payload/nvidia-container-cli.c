/* A pretended nvidia-container-cli: says its version. */
#include <stdio.h>
#include <string.h>

const char *nvc_version(void);

int main(int count, char **words)
{
    if (count == 2 && (!strcmp(words[1], "--version") || !strcmp(words[1], "-V")))
        return printf("cli-version: %s\nlib-version: %s\n", TOOLKIT_VERSION, nvc_version()) < 0;
    fputs("nvidia-container-cli: unrecognized command\n", stderr);
    return 1;
}
