/* A pretended nvidia-container-runtime: runc under another name, as the real one is for docker's sake. */
#include <stdio.h>
#include <unistd.h>

int main(int count, char **words)
{
    (void)count;
    execvp("runc", words);
    perror("nvidia-container-runtime: runc");
    return 1;
}
