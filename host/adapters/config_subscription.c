/* One group of subscriptions. */
#include "adapters/config_tree.h"
#include "adapters/json.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUP_MAX 255

bool config_parse_field(const char *text, bool of_id, struct field *ret_field)
{
	static const struct {
		const char *name;
		enum field_kind kind;
		bool id, test;
	} plain[] = { { "key", FIELD_KEY, true, true }, { "offset", FIELD_OFFSET, true, false },
		{ "payload", FIELD_PAYLOAD, true, false }, { "topic", FIELD_TOPIC, false, true } };

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(text, plain[i].name) == 0 && (of_id ? plain[i].id : plain[i].test)) {
			*ret_field = (struct field){ plain[i].kind, NULL };
			return true;
		}
	}
	if (strncmp(text, "header:", 7) == 0 && text[7] != '\0')
		*ret_field = (struct field){ FIELD_HEADER, strdup(text + 7) };
	else if (strncmp(text, "json:/", 6) == 0 && json_pointer_valid(text + 5))
		*ret_field = (struct field){ FIELD_JSON, strdup(text + 5) };
	else
		return false;
	return true;
}

static void take_parts(struct config_loader *l, const config_setting_t *s, char **parts, size_t n,
    struct config_subscription *sub)
{
	if (n == 0)
		config_fault(l, s, "id: the list is empty");
	sub->id = calloc(n + 1, sizeof(*sub->id));
	if (sub->id == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (config_parse_field(parts[i], true, &sub->id[sub->n_id]))
			sub->n_id++;
		else if (strcmp(parts[i], "cloudevents") == 0)
			config_fault(l, s, "id: cloudevents stands alone");
		else
			config_fault(l, s,
			    "id: \"%s\" is none of header:NAME, json:/pointer, key, offset, payload, cloudevents",
			    parts[i]);
	}
}

static void take_id(struct config_loader *l, const config_setting_t *g, struct config_subscription *sub)
{
	const config_setting_t *s = config_member(g, "id");
	char **parts = NULL;
	size_t n = 0;

	if (s == NULL) {
		config_fault(l, g, "id must be given, for example id = [ \"header:event-id\" ]");
		return;
	}
	if (!config_texts_of(l, s, &parts, &n))
		return;
	if (n == 1 && strcmp(parts[0], "cloudevents") == 0)
		sub->id_cloudevents = true;
	else
		take_parts(l, s, parts, n, sub);
	config_texts_free(parts, n);
}

static void default_topic(char **topic, const char *name, const char *kind)
{
	if (*topic == NULL && asprintf(topic, "%s.%s", name, kind) < 0)
		abort();
}

void config_take_subscription(struct config_loader *l, const config_setting_t *g, const char *name)
{
	struct config *c = l->config;
	struct config_subscription *sub;

	c->subscriptions = config_grow(c->subscriptions, c->n_subscriptions, sizeof(*c->subscriptions));
	l->subscriptions = config_grow(l->subscriptions, c->n_subscriptions, sizeof(*l->subscriptions));
	l->subscriptions[c->n_subscriptions].group = g;
	sub = &c->subscriptions[c->n_subscriptions++];
	sub->name = strdup(name);
	sub->place = config_place_of(l, g);
	sub->unrouted = UNROUTED_IMPOSSIBLE;
	config_fill(l, SCOPE_SUBSCRIPTION, g, g, sub);
	config_fill(l, SCOPE_RETRY, config_member(g, "retry"), g, sub);
	config_fill(l, SCOPE_DEAD_LETTER, config_member(g, "dead_letter"), g, sub);
	if (sub->group == NULL)
		sub->group = strdup(name);
	if (strlen(sub->group) > GROUP_MAX)
		config_fault(l, config_member(g, "group"), "group: longer than %d characters", GROUP_MAX);
	default_topic(&sub->retry.topic, name, "retry");
	default_topic(&sub->dead_letter.topic, name, "dead");
	take_id(l, g, sub);
}
