/* Name servers: who is asked what no neighbour is called. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "monitor/names.h"

#define PORT 53

bool
sc_names_server_add(const char *text, struct sc_names_servers *out)
{
    char plain[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    struct sc_names_server server = {.len = 0};
    struct sockaddr_in *v4 = (void *)&server.address;
    struct sockaddr_in6 *v6 = (void *)&server.address;
    char *scope;

    if (out->count == SC_NAMES_SERVERS_MAX || strlen(text) >= sizeof(plain))
        return false;
    (void)snprintf(plain, sizeof(plain), "%s", text);
    scope = strchr(plain, '%');
    if (scope)
        *scope++ = '\0';
    if (!scope && inet_pton(AF_INET, plain, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(PORT);
        server.len = sizeof(*v4);
    } else if (inet_pton(AF_INET6, plain, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(PORT);
        v6->sin6_scope_id = scope ? if_nametoindex(scope) : 0;
        server.len = sizeof(*v6);
    }
    if (server.len == 0)
        return false;
    out->items[out->count++] = server;
    return true;
}

/* resolv.conf(5); what it says beside the servers is the container's own business */
void
sc_names_servers_read(const char *text, struct sc_names_servers *out)
{
    static const char word[] = "nameserver";

    while (*text) {
        size_t len = strcspn(text, "\n");
        const char *at = text + strlen(word);

        if (len > strlen(word) && strncmp(text, word, strlen(word)) == 0 && (*at == ' ' || *at == '\t')) {
            char address[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
            size_t address_len;

            at += strspn(at, " \t");
            address_len = strcspn(at, " \t\r\n#;");
            if (address_len > 0 && address_len < sizeof(address)) {
                memcpy(address, at, address_len);
                address[address_len] = '\0';
                (void)sc_names_server_add(address, out);
            }
        }
        text += len + (text[len] == '\n');
    }
}
