/* A pretended libnvidia-container: there to be linked against, so that rpm finds a real dependency. */
const char *nvc_version(void)
{
    return TOOLKIT_VERSION;
}
