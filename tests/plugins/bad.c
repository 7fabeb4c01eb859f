/* One refusal each, by definition. */
#include <semel/handler.h>

static int handle(void *self, void *worker, const struct semel_event *e)
{
	(void)self;
	(void)worker;
	(void)e;
	return SEMEL_OK;
}

static void handle_batch(
    void *self, void *worker, const struct semel_event *const *e, int *outcomes, size_t n)
{
	(void)self;
	(void)worker;
	(void)e;
	for (size_t i = 0; i < n; i++)
		outcomes[i] = SEMEL_OK;
}

void semel_test_unresolved(void);
int semel_test_gone(void);

#define EXPORT __attribute__((visibility("default"))) const struct semel_handler semel_handler
#define PLAIN(magic_, size_, major_, minor_, flags_, name_, version_)                                        \
	EXPORT = { .magic = magic_,                                                                          \
		.size = size_,                                                                               \
		.abi_major = major_,                                                                         \
		.abi_minor = minor_,                                                                         \
		.flags = flags_,                                                                             \
		.name = name_,                                                                               \
		.version = version_,                                                                         \
		.handle = handle,                                                                            \
		.handle_batch = handle_batch }

#define SIZE sizeof(struct semel_handler)

#if defined(BAD_no_symbol)
__attribute__((visibility("default"))) int other_symbol = 1;
int semel_test_use(void);
__attribute__((visibility("default"))) int semel_test_use(void)
{
	handle_batch(0, 0, 0, 0, 0);
	return handle(0, 0, 0);
}
#elif defined(BAD_magic)
PLAIN(0x12345678, SIZE, 1, 0, 0, "bad", "1");
#elif defined(BAD_major)
PLAIN(SEMEL_MAGIC, SIZE, 2, 0, 0, "bad", "1");
#elif defined(BAD_minor)
PLAIN(SEMEL_MAGIC, SIZE, 1, 99, 0, "bad", "1");
#elif defined(BAD_small)
PLAIN(SEMEL_MAGIC, 120, 1, 0, 0, "bad", "1");
#elif defined(BAD_flags)
PLAIN(SEMEL_MAGIC, SIZE, 1, 0, 4, "bad", "1");
#elif defined(BAD_no_name)
PLAIN(SEMEL_MAGIC, SIZE, 1, 0, 0, "", "1");
#elif defined(BAD_no_version)
PLAIN(SEMEL_MAGIC, SIZE, 1, 0, 0, "bad", "");
#elif defined(BAD_no_handle)
EXPORT = { .magic = SEMEL_MAGIC, .size = SIZE, .abi_major = 1, .name = "bad", .version = "1" };
void *semel_test_use[2];
__attribute__((visibility("default"))) void *semel_test_use[2] = { (void *)handle, (void *)handle_batch };
#elif defined(BAD_batch_only)
EXPORT = { .magic = SEMEL_MAGIC,
	.size = SIZE,
	.abi_major = 1,
	.name = "bad",
	.version = "1",
	.handle_batch = handle_batch };
void *semel_test_use[1];
__attribute__((visibility("default"))) void *semel_test_use[1] = { (void *)handle };
#elif defined(BAD_no_data)
__attribute__((visibility("default"))) int semel_handler_(void) __asm__("semel_handler");
int semel_handler_(void)
{
	handle_batch(0, 0, 0, 0, 0);
	return handle(0, 0, 0);
}
#elif defined(BAD_unresolved)
static void call(void *self)
{
	(void)self;
	semel_test_unresolved();
}
EXPORT = { .magic = SEMEL_MAGIC,
	.size = SIZE,
	.abi_major = 1,
	.name = "bad",
	.version = "1",
	.handle = handle,
	.handle_batch = handle_batch,
	.flush = call };
#elif defined(BAD_missing_library)
static void call(void *self)
{
	(void)self;
	semel_test_gone();
}
EXPORT = { .magic = SEMEL_MAGIC,
	.size = SIZE,
	.abi_major = 1,
	.name = "bad",
	.version = "1",
	.handle = handle,
	.handle_batch = handle_batch,
	.flush = call };
#else
static const struct semel_setting settings[] = { { "url", SEMEL_TEXT, NULL, "Where to." },
	{ "pool/size", SEMEL_INTEGER, "3", "How many." }, { "wait", SEMEL_DURATION, "5s", "How long." },
	{ "token", SEMEL_SECRET, "", "Secret." }, { "tags", SEMEL_LIST, "", "Words." },
	{ NULL, SEMEL_TEXT, NULL, NULL } };

static int open_(const struct semel_host *host, const struct semel_settings *s, void **ret_self)
{
	const char *name, *text;

	if (host->number(s, "pool/size") != 3 || host->number(s, "wait") != 250 ||
	    !host->at(s, "tags", 1, &name, &text) || text[0] != 'b' || host->at(s, "tags", 2, &name, &text) ||
	    host->text(s, "nothing") != NULL) {
		host->fault(s, "url", "the test says so");
		return -22;
	}
	*ret_self = (void *)(uintptr_t)host;
	return 0;
}

/* A table that is not there before the plugin's own code has made it. */
#if defined(BAD_made)
static struct semel_setting made[sizeof(settings) / sizeof(settings[0])];

__attribute__((constructor)) static void make(void)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		made[i] = settings[i];
}
#define TABLE made
#else
#define TABLE settings
#endif
EXPORT = { .magic = SEMEL_MAGIC,
	.size = SIZE,
	.abi_major = 1,
	.name = "good",
	.version = "1",
	.settings = TABLE,
	.open = open_,
	.handle = handle,
	.handle_batch = handle_batch };
#endif
