#include "adapters/plugin.h"

#include "adapters/plugin_elf.h"
#include "adapters/plugin_private.h"
#include "adapters/safe_open.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert(
    offsetof(struct semel_handler, settings) == PLUGIN_PLAIN, "the plain part of the SDK never moves");

/* ---- Judging the file */

static int refuse(char *why, size_t size, const char *file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(char *why, size_t size, const char *file, const char *format, ...)
{
	char text[768];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(why, size, "%s: %s", file, text);
	return -ENOEXEC;
}

static bool text_is_good(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	if (n == 0 || n == size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

static int judge_plain(
    const struct semel_handler *h, size_t symbol_size, const char *file, char *why, size_t size)
{
	if (h->magic != SEMEL_MAGIC)
		return refuse(why, size, file,
		    "found magic 0x%08x, expected 0x%08x: semel_handler was not made by SEMEL_HANDLER()",
		    h->magic, SEMEL_MAGIC);
	if (h->abi_major != SEMEL_ABI_MAJOR)
		return refuse(why, size, file,
		    "built for handler ABI %u.%u, this host has %u.%u: rebuild it with this host's semel-dev",
		    h->abi_major, h->abi_minor, SEMEL_ABI_MAJOR, SEMEL_ABI_MINOR);
	if (h->abi_minor > SEMEL_ABI_MINOR)
		return refuse(why, size, file,
		    "built for handler ABI %u.%u, newer than this host's %u.%u: upgrade the host, or build it with a lower "
		    "SEMEL_ABI_MINOR",
		    h->abi_major, h->abi_minor, SEMEL_ABI_MAJOR, SEMEL_ABI_MINOR);
	if (h->size < offsetof(struct semel_handler, flush) || h->size > symbol_size)
		return refuse(why, size, file,
		    "found a semel_handler of %u bytes, expected %zu to %zu: define it with SEMEL_HANDLER()",
		    h->size, offsetof(struct semel_handler, flush), symbol_size);
	if (h->flags != 0)
		return refuse(why, size, file,
		    "found flags 0x%x, expected 0: this host knows none; upgrade it", h->flags);
	if (!text_is_good(h->name, sizeof(h->name)))
		return refuse(why, size, file,
		    "found no name, expected 1 to 63 printable characters: name the handler in SEMEL_HANDLER()");
	if (!text_is_good(h->version, sizeof(h->version)))
		return refuse(why, size, file,
		    "found no version, expected 1 to 31 printable characters: give it in SEMEL_HANDLER()");
	return 0;
}

/* From an open descriptor, so that what was judged is what is loaded. */
static int inspect(int fd, const char *file, struct plugin_facts *ret_facts, char *why, size_t size)
{
	struct semel_handler plain = { .magic = 0 };
	size_t symbol_size;
	char text[512];
	int r = plugin_elf_read(fd, (unsigned char *)&plain, &symbol_size, text, sizeof(text));

	if (r < 0)
		return refuse(why, size, file, "%s", text);
	r = judge_plain(&plain, symbol_size, file, why, size);
	if (r < 0)
		return r;
	*ret_facts = (struct plugin_facts){ .abi_major = plain.abi_major, .abi_minor = plain.abi_minor };
	memcpy(ret_facts->name, plain.name, sizeof(ret_facts->name));
	memcpy(ret_facts->version, plain.version, sizeof(ret_facts->version));
	return 0;
}

/* safe_open, with a remedy where the file is not there: the usual case is a package that was removed. */
static int open_plugin(const char *file, bool lenient, char *why, size_t size)
{
	int fd = safe_open(file, lenient, why, size);

	if (fd == -ENOENT)
		snprintf(why, size,
		    "%s: %s: install the package that has it, or remove the handler and its routes", file,
		    strerror(ENOENT));
	return fd;
}

int plugin_inspect(const char *file, bool lenient, struct plugin_facts *ret_facts, char *why, size_t size)
{
	int fd = open_plugin(file, lenient, why, size), r;

	if (fd < 0)
		return fd;
	r = inspect(fd, file, ret_facts, why, size);
	close(fd);
	return r;
}

int plugin_judge_settings(
    const struct config_handler *handler, bool lenient, struct config_problems *problems)
{
	struct plugin p = { .conf = handler };
	char why[1024];
	struct semel_setting *rows;
	int fd = open_plugin(handler->plugin_file, lenient, why, sizeof(why));
	int r = fd < 0 ? fd : inspect(fd, handler->plugin_file, &p.facts, why, sizeof(why));

	if (r == 0)
		r = plugin_elf_table(fd, &rows);
	if (r == 0) {
		p.settings = (struct semel_settings){ .plugin = &p, .conf = handler, .table = rows };
		r = plugin_settings_judge(&p.settings, lenient, problems);
		plugin_settings_free(&p.settings);
		plugin_elf_table_free(rows);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

/* ---- Loading */

static int load(struct plugin *p, int fd, const char *file, char *why, size_t size)
{
	const struct semel_handler *h;
	char path[64];
	void *so;

	/* By the descriptor that was judged.  It stays open for good: dlopen takes a name that it has seen for the
	 * object it loaded then, so no other plugin may ever get the same number. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (so == NULL) {
		const char *text = dlerror();
		bool library = strstr(text, "cannot open shared object") != NULL;

		return refuse(why, size, file, "%s: %s: %s",
		    library ? "a library it needs is missing" : "it cannot be loaded",
		    strncmp(text, path, strlen(path)) == 0 ? text + strlen(path) + 2 : text,
		    library ? "install it" : "link it with everything it uses");
	}
	h = dlsym(so, "semel_handler");
	if (h == NULL)
		return refuse(why, size, file,
		    "semel_handler is gone: the file changed while it was loaded; try again");
	memset(&p->handler, 0, sizeof(p->handler));
	memcpy(&p->handler, h, h->size < sizeof(p->handler) ? h->size : sizeof(p->handler));
	if (p->handler.handle == NULL && p->handler.handle_batch == NULL)
		return refuse(why, size, file,
		    "found neither handle nor handle_batch, expected one: name it in SEMEL_HANDLER()");
	return 0;
}

int plugin_load(const struct config_handler *handler, bool lenient, struct metrics *metrics,
    struct config_problems *problems, struct plugin **ret_plugin, char *why, size_t size)
{
	const char *file = handler->plugin_file;
	struct plugin *p = calloc(1, sizeof(*p));
	int fd, r;

	why[0] = '\0';
	if (p == NULL)
		return -ENOMEM;
	fd = open_plugin(file, lenient, why, size);
	r = fd < 0 ? fd : inspect(fd, file, &p->facts, why, size);
	if (r == 0)
		r = load(p, fd, file, why, size);
	else if (fd >= 0)
		close(fd);
	if (r < 0) {
		free(p);
		return r;
	}
	p->conf = handler;
	p->metrics = metrics;
	pthread_mutex_init(&p->runs.lock, NULL);
	p->settings = (struct semel_settings){ .plugin = p, .conf = handler, .table = p->handler.settings };
	plugin_host_fill(p);
	r = plugin_settings_judge(&p->settings, lenient, problems);
	if (r < 0) {
		plugin_close(p);
		return r;
	}
	*ret_plugin = p;
	return 0;
}

int plugin_open(struct plugin *p, char *why, size_t size)
{
	struct buf text = { NULL, 0, 0 };
	int r = p->handler.open == NULL ? 0 : p->handler.open(&p->host, &p->settings, &p->self);

	p->opened = r == 0;
	if (r == 0)
		return 0;
	if (r > 0)
		r = -EIO;
	config_problems_print(&p->settings.faults, &text);
	snprintf(why, size, "%s: open failed: %s%s%.*s", p->conf->plugin_file, strerror(-r),
	    text.len > 0 ? ": " : "", (int)(text.len > 0 ? text.len - 1 : 0), text.len > 0 ? text.data : "");
	buf_free(&text);
	config_problems_free(&p->settings.faults);
	return r;
}

void plugin_close(struct plugin *p)
{
	struct plugin_metric *next;

	if (p == NULL)
		return;
	if (p->opened && p->handler.close != NULL)
		p->handler.close(p->self);
	for (struct plugin_metric *m = p->own_metrics; m != NULL; m = next) {
		next = m->next;
		free(m);
	}
	plugin_settings_free(&p->settings);
	plugin_runs_free(p);
	free(p);
}

const struct plugin_facts *plugin_facts(const struct plugin *p)
{
	return &p->facts;
}
