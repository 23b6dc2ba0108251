/*
 * address.c -- addresses as text. No system call, no name server.
 */
#include "net_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Decimal digits, all of the text, at most `limit`. */
static int parse_number(const char *text, uint32_t limit, uint32_t *number)
{
    uint64_t value = 0;

    if (*text == '\0')
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        value = value * 10 + (uint64_t) (*text - '0');
        if (value > limit)
            return -EINVAL;
    }
    *number = (uint32_t) value;
    return 0;
}

static int parse_unix(struct rouse_address *address, const char *path)
{
    const size_t length = strlen(path);

    /* One byte less than there is room for: the system wants a final zero. */
    if (length == 0 || length >= sizeof address->bytes)
        return -EINVAL;
    address->family = ROUSE_UNIX;
    address->length = (uint8_t) length;
    memcpy(address->bytes, path, length);
    return 0;
}

/* `host` is a copy that may be cut up. */
static int parse_ip(struct rouse_address *address, char *host, const char *port)
{
    enum rouse_family family = ROUSE_IPV4;
    char *scope = NULL;
    uint32_t number;
    size_t length = strlen(host);

    if (length > 1 && host[0] == '[' && host[length - 1] == ']') {
        family = ROUSE_IPV6;
        host[length - 1] = '\0';
        host++;
        scope = strchr(host, '%');
    }
    if (scope != NULL) {
        *scope = '\0';
        if (parse_number(scope + 1, UINT32_MAX, &address->scope) < 0)
            return -EINVAL;
    }
    if (parse_number(port, 65535, &number) < 0)
        return -EINVAL;
    address->family = (uint8_t) family;
    address->length = family == ROUSE_IPV6 ? 16 : 4;
    address->port = (uint16_t) number;
    return rouse__ip_parse(family, host, address->bytes);
}

int rouse_address_parse(struct rouse_address *address, const char *text)
{
    const struct rouse_address empty = {0};
    struct rouse_address parsed = empty;
    char host[ROUSE_ADDRESS_TEXT];
    const char *colon;
    int error;

    *address = empty;
    if (strncmp(text, "unix:", 5) == 0) {
        error = parse_unix(&parsed, text + 5);
    } else {
        colon = strrchr(text, ':');
        if (colon == NULL || (size_t) (colon - text) >= sizeof host)
            return -EINVAL;
        memcpy(host, text, (size_t) (colon - text));
        host[colon - text] = '\0';
        error = parse_ip(&parsed, host, colon + 1);
    }
    if (error == 0)
        *address = parsed;
    return error;
}

int rouse_address_format(const struct rouse_address *address, char *text, size_t size)
{
    char ip[ROUSE_ADDRESS_TEXT];
    int length;

    switch (address->family) {
    case ROUSE_UNIX:
        length = snprintf(text, size, "unix:%.*s", address->length, (const char *) address->bytes);
        break;
    case ROUSE_IPV4:
        if (rouse__ip_format(ROUSE_IPV4, address->bytes, ip) < 0)
            return -EINVAL;
        length = snprintf(text, size, "%s:%u", ip, (unsigned) address->port);
        break;
    case ROUSE_IPV6:
        if (rouse__ip_format(ROUSE_IPV6, address->bytes, ip) < 0)
            return -EINVAL;
        if (address->scope != 0)
            length = snprintf(text, size, "[%s%%%lu]:%u", ip, (unsigned long) address->scope,
                              (unsigned) address->port);
        else
            length = snprintf(text, size, "[%s]:%u", ip, (unsigned) address->port);
        break;
    default: return -EINVAL;
    }
    return length >= 0 && (size_t) length < size ? length : -ENOSPC;
}
