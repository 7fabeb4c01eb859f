// A handler in C++17: with a std::string, so that there would be weak symbols to export.
#include <semel/handler.h>

#include <string>
#include <vector>

static int handle(void *, void *, const struct semel_event *e)
{
	std::vector<std::string> parts{ std::string(static_cast<const char *>(e->id.data), e->id.len), "x" };

	return parts[0].empty() ? SEMEL_REJECT : SEMEL_OK;
}

SEMEL_HANDLER("good-cxx", "1.0", .handle = handle);
