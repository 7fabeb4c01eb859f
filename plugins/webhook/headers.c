#include "headers.h"

#include <string.h>
#include <strings.h>

bool header_name_is_legal(const char *name)
{
	static const char token[] =
	    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return name[0] != '\0' && name[strspn(name, token)] == '\0';
}

bool header_is_ours(const char *name)
{
	static const char *const ours[] = { "host", "content-length", "transfer-encoding", "connection",
		"keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "upgrade",
		"http2-settings", "expect" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcasecmp(ours[i], name) == 0)
			return true;
	return false;
}

bool header_value_is_legal(const char *value)
{
	for (; *value != '\0'; value++)
		if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

bool header_matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncasecmp(pattern, name, len - 1) == 0;
	return strcasecmp(pattern, name) == 0;
}
