/* The reference of all keys, from the table. */
#include "adapters/config_file.h"
#include "adapters/config_table.h"
#include "adapters/config_values.h"

#include "generated/version.h"

static void put_type(struct buf *out, const struct config_key *k)
{
	switch (k->type) {
	case KEY_TEXT: buf_text(out, "text"); break;
	case KEY_PATH: buf_text(out, "path"); break;
	case KEY_TEXTS: buf_text(out, "list of texts"); break;
	case KEY_GROUP: buf_text(out, "group"); break;
	case KEY_SPECIAL: buf_text(out, k->choices); break;
	case KEY_CHOICE:
		for (const char *p = k->choices; *p != '\0'; p++)
			buf_text(out, *p == ' ' ? ", " : (const char[]){ *p, '\0' });
		break;
	case KEY_NUMBER: buf_printf(out, "number %lld to %lld", (long long)k->min, (long long)k->max); break;
	case KEY_DURATION:
		buf_text(out, "duration ");
		config_duration_text(k->min, out);
		buf_text(out, " to ");
		config_duration_text(k->max, out);
		break;
	case KEY_SIZE:
		buf_text(out, "size ");
		config_size_text(k->min, out);
		buf_text(out, " to ");
		config_size_text(k->max, out);
		break;
	}
}

static void put_later(struct buf *out, const struct config_key *k)
{
	if (k->later != NULL && k->later[0] == '\0')
		buf_text(out, " Not supported by this version.");
	else if (k->later != NULL)
		buf_printf(out, " (Not supported by this version: %s.)", k->later);
}

/* In the manual, the folder of plugins is not the one of whoever built it. */
static const char *default_of(const struct config_key *k, bool markdown)
{
	if (k->fallback == NULL)
		return "must be given";
	return markdown && strcmp(k->fallback, SEMEL_HANDLER_DIR) == 0 ? "${libdir}/semel/handlers"
								       : k->fallback;
}

static void put_key(struct buf *out, bool markdown, const struct config_key *k)
{
	const char *fallback = default_of(k, markdown);
	const char *tick = k->fallback != NULL && fallback[0] != '\0' ? "`" : "";

	if (markdown)
		buf_printf(out, "| `%s` | ", k->name);
	else
		buf_printf(out, "  %-20s ", k->name);
	put_type(out, k);
	if (markdown)
		buf_printf(out, " | %s%s%s | %s", tick, fallback, tick, k->help);
	else if (fallback[0] != '\0')
		buf_printf(out, "; %s%s\n      %s", k->fallback == NULL ? "" : "default ", fallback, k->help);
	else
		buf_printf(out, "\n      %s", k->help);
	put_later(out, k);
	buf_text(out, markdown ? " |\n" : "\n");
}

void config_keys(bool markdown, struct buf *out)
{
	for (enum config_scope i = SCOPE_ROOT; i < SCOPE_N; i++) {
		const char *title = config_scope_title(i), *gap = i == SCOPE_ROOT ? "" : "\n";

		if (markdown)
			buf_printf(out,
			    "%s### %s%s%s\n\n| key | takes | default | meaning |\n|---|---|---|---|\n", gap,
			    title[0] == '\0' ? "" : "`", title[0] == '\0' ? "Top level" : title,
			    title[0] == '\0' ? "" : "`");
		else
			buf_printf(out, "%s%s\n", gap, title[0] == '\0' ? "(top level)" : title);
		for (const struct config_key *k = config_keys_of(i); k->name != NULL; k++)
			put_key(out, markdown, k);
	}
}
