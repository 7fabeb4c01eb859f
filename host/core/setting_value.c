#include "core/setting_value.h"

#include "core/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool setting_number(enum semel_type type, const char *text, int64_t *ret_value)
{
	char *end;

	switch (type) {
	case SEMEL_DURATION: return units_duration(text, ret_value) == 0;
	case SEMEL_SIZE: return units_size(text, ret_value) == 0;
	case SEMEL_BOOLEAN:
		*ret_value = strcmp(text, "true") == 0;
		return *ret_value == 1 || strcmp(text, "false") == 0;
	case SEMEL_INTEGER:
		errno = 0;
		*ret_value = strtoll(text, &end, 10);
		return errno == 0 && end != text && *end == '\0';
	default: return false;
	}
}

const char *setting_type_text(enum semel_type type)
{
	static const char *const names[] = { "", "a text", "an integer", "true or false", "a list of texts",
		"a group of texts", "a duration (\"30s\")", "a size (\"64MB\")", "a file's name" };

	return type >= SEMEL_TEXT && type <= SEMEL_SECRET ? names[type] : "nothing this host knows";
}
