#include "json_check.h"

#include <jansson.h>

bool json_is_valid(struct semel_bytes text)
{
	json_t *value = json_loadb(
	    text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
	bool valid = value != NULL;

	json_decref(value);
	return valid;
}
