/* Settings: judged against the plugin's table as the host judges them, and asked for in open. */
#include "kit_private.h"

#include "core/setting_value.h"

#define ROWS_MAX 1000

static const char *set_text(const struct semel_test *t, const char *name)
{
	for (size_t i = 0; i < t->n_set; i++)
		if (strcmp(t->set[i].name, name) == 0)
			return t->set[i].text;
	return NULL;
}

static bool is_aggregate(const struct semel_setting *row)
{
	return row->type == SEMEL_LIST || row->type == SEMEL_MAP;
}

/* True if `name` is an element of the list or map. */
static bool lies_in(const char *name, const char *aggregate)
{
	size_t n = strlen(aggregate);

	return strncmp(name, aggregate, n) == 0 && name[n] == '/';
}

static const struct semel_setting *row_of(const struct semel_test *t, const char *name, bool elements)
{
	const struct semel_setting *row = t->handler.settings;

	for (size_t i = 0; row != NULL && row->name != NULL && i < ROWS_MAX; i++, row++)
		if (strcmp(row->name, name) == 0 ||
		    (elements && is_aggregate(row) && lies_in(name, row->name)))
			return row;
	return NULL;
}

static bool is_set(const struct semel_test *t, const struct semel_setting *row)
{
	for (size_t i = 0; i < t->n_set; i++)
		if (strcmp(t->set[i].name, row->name) == 0 ||
		    (is_aggregate(row) && lies_in(t->set[i].name, row->name)))
			return true;
	return false;
}

static void judge_row(struct semel_test *t, const struct semel_setting *row)
{
	bool plain = row->type == SEMEL_TEXT || row->type == SEMEL_SECRET || is_aggregate(row);
	const char *text = set_text(t, row->name);
	int64_t n;

	if (row->type < SEMEL_TEXT || row->type > SEMEL_SECRET)
		semel_kit_add(
		    &t->faults, semel_kit_format("the table's setting %s has type %d, which is none",
				    row->name, (int)row->type));
	else if (!plain && row->fallback != NULL && !setting_number(row->type, row->fallback, &n))
		semel_kit_add(&t->faults, semel_kit_format("the table's fallback \"%s\" of %s: expected %s",
					      row->fallback, row->name, setting_type_text(row->type)));
	if (!is_set(t, row) && row->fallback == NULL)
		semel_kit_add(
		    &t->faults, semel_kit_format("settings.%s: must be given%s%s", row->name,
				    row->help == NULL ? "" : ": ", row->help == NULL ? "" : row->help));
	else if (text != NULL && (is_aggregate(row) || (!plain && !setting_number(row->type, text, &n))))
		semel_kit_add(&t->faults,
		    semel_kit_format("settings.%s: expected %s", row->name, setting_type_text(row->type)));
}

void semel_kit_judge_settings(struct semel_test *t)
{
	const struct semel_setting *row = t->handler.settings;

	for (size_t i = 0; i < t->n_set; i++)
		if (row_of(t, t->set[i].name, true) == NULL)
			semel_kit_add(&t->faults,
			    semel_kit_format("plugin %s has no setting %s", t->handler.name, t->set[i].name));
	for (size_t i = 0; row != NULL && row->name != NULL; i++, row++) {
		if (i == ROWS_MAX)
			semel_kit_die("the plugin's table of settings does not end with a NULL name");
		judge_row(t, row);
	}
}

/* ---- Asking */

/* The row, if it may be asked for now. */
static const struct semel_setting *asked(
    const struct semel_settings *s, const char *name, const char *service, bool (*fits)(enum semel_type))
{
	const struct semel_setting *row = row_of(s->t, name, false);

	if (!s->t->opening)
		semel_kit_misuse(s->t, "%s(\"%s\") was called outside open", service, name);
	else if (row == NULL)
		semel_kit_misuse(s->t, "%s(\"%s\"): the plugin's table has no such setting", service, name);
	else if (!fits(row->type))
		semel_kit_misuse(
		    s->t, "%s(\"%s\"): the setting is %s", service, name, setting_type_text(row->type));
	return row;
}

static bool fits_text(enum semel_type type)
{
	return type != SEMEL_LIST && type != SEMEL_MAP;
}

static bool fits_number(enum semel_type type)
{
	return fits_text(type) && type != SEMEL_TEXT && type != SEMEL_SECRET;
}

static bool fits_at(enum semel_type type)
{
	return !fits_text(type);
}

static const char *value_of(const struct semel_test *t, const struct semel_setting *row)
{
	const char *text = row == NULL ? NULL : set_text(t, row->name);

	if (row == NULL || text != NULL)
		return text;
	return row->type == SEMEL_SECRET ? NULL : row->fallback;
}

const char *semel_kit_text(const struct semel_settings *s, const char *name)
{
	return value_of(s->t, asked(s, name, "text", fits_text));
}

int64_t semel_kit_number(const struct semel_settings *s, const char *name)
{
	const struct semel_setting *row = asked(s, name, "number", fits_number);
	const char *text = value_of(s->t, row);
	int64_t n = 0;

	if (row != NULL && text != NULL)
		setting_number(row->type, text, &n);
	return n;
}

bool semel_kit_at(
    const struct semel_settings *s, const char *name, size_t i, const char **ret_name, const char **ret_text)
{
	asked(s, name, "at", fits_at);
	for (size_t k = 0; k < s->t->n_set; k++) {
		const struct kit_setting *set = &s->t->set[k];

		if (!lies_in(set->name, name) || i-- > 0)
			continue;
		*ret_name = set->name + strlen(name) + 1;
		*ret_text = set->text;
		return true;
	}
	return false;
}
