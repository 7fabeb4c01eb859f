#include "core/config.h"

#include <stdlib.h>

static void free_texts(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void free_secret(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void free_properties(struct config_properties *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].name);
		free_secret(p->list[i].value);
	}
	free(p->list);
}

static void free_subscription(struct config_subscription *s)
{
	free(s->name);
	free(s->group);
	free_texts(s->topics, s->n_topics);
	for (size_t i = 0; i < s->n_id; i++)
		free(s->id[i].name);
	free(s->id);
	free(s->retry.topic);
	free(s->dead_letter.topic);
	free(s->routes);
}

static void free_handler(struct config_handler *h)
{
	free(h->name);
	free(h->plugin);
	free(h->plugin_file);
	free_texts(h->emits, h->n_emits);
	for (size_t i = 0; i < h->n_settings; i++) {
		free(h->settings[i].path);
		free(h->settings[i].text);
	}
	free(h->settings);
}

static void free_route(struct config_route *r)
{
	free(r->name);
	for (size_t i = 0; i < r->n_tests; i++) {
		free(r->tests[i].field.name);
		free_texts(r->tests[i].values, r->tests[i].n);
	}
	free(r->tests);
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_subscriptions; i++)
		free_subscription(&c->subscriptions[i]);
	for (size_t i = 0; i < c->n_handlers; i++)
		free_handler(&c->handlers[i]);
	for (size_t i = 0; i < c->n_routes; i++)
		free_route(&c->routes[i]);
	free(c->subscriptions);
	free(c->handlers);
	free(c->routes);
	free_properties(&c->kafka);
	free_properties(&c->producer);
	free_texts(c->plugin_path, c->n_plugin_path);
	free_texts(c->files, c->n_files);
	free(c->file);
	free(c->node);
	free(c->state_dir);
	for (size_t i = 0; i < c->ledger.n_servers; i++)
		free(c->ledger.servers[i].host);
	free(c->ledger.servers);
	free(c->ledger.master);
	free(c->ledger.tls.ca_file);
	free(c->ledger.tls.cert_file);
	free(c->ledger.tls.key_file);
	free(c->ledger.tls.server_name);
	free(c->ledger.user);
	free_secret(c->ledger.password);
	free(c->ledger.prefix);
	free(c->http.host);
	free(c->admin_socket);
	free(c);
}
