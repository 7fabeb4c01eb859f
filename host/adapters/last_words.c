#include "adapters/last_words.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES_MAX 40
#define STACK_SIZE 32768

static int words = -1;
static atomic_bool orderly;

/* Only what may be called in a handler of signals: no stdio. */
static void put(const char *text)
{
	(void)!write(words, text, strlen(text));
}

static void put_number(unsigned long n, unsigned base)
{
	char text[24], *p = text + sizeof(text) - 1;

	*p = '\0';
	do
		*--p = "0123456789abcdef"[n % base];
	while ((n /= base) > 0);
	put(p);
}

static void put_thread(void)
{
	char name[16] = "";

	pthread_getname_np(pthread_self(), name, sizeof(name));
	put(", thread ");
	put(name);
	put("\n");
}

/* "FILE(FUNCTION+0xN)", as addr2line wants it.  Plugins are loaded by descriptor: the kernel knows their names. */
static void put_frame(void *address)
{
	Dl_info info;
	char file[512];
	ssize_t n;

	if (dladdr(address, &info) == 0 || info.dli_fname == NULL) {
		put("0x");
		put_number((unsigned long)address, 16);
		put("\n");
		return;
	}
	n = strncmp(info.dli_fname, "/proc/self/fd/", 14) == 0
		? readlink(info.dli_fname, file, sizeof(file) - 1)
		: -1;
	file[n < 0 ? 0 : n] = '\0';
	put(n < 0 ? info.dli_fname : file);
	put("(");
	put(info.dli_sname == NULL ? "" : info.dli_sname);
	put("+0x");
	put_number((unsigned long)((char *)address -
				   (char *)(info.dli_sname == NULL ? info.dli_fbase : info.dli_saddr)),
	    16);
	put(")\n");
}

/* The signal's own effect follows: the handler is gone by then, and the signal comes again. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	void *frames[FRAMES_MAX];
	int n;

	(void)context;
	put("signal ");
	put_number((unsigned long)sig, 10);
	put(", address 0x");
	put_number((unsigned long)info->si_addr, 16);
	put_thread();
	n = backtrace(frames, FRAMES_MAX);
	/* Without this handler and the trampoline. */
	for (int i = 2; i < n; i++)
		put_frame(frames[i]);
	raise(sig);
}

static void on_exit_called(int status, void *arg)
{
	(void)arg;
	if (atomic_load(&orderly))
		return;
	put("exit(");
	put_number((unsigned long)(unsigned)status, 10);
	put(") was called");
	put_thread();
	_exit(status);
}

void last_words_thread(void)
{
	stack_t ss = { .ss_size = STACK_SIZE };

	/* For as long as the thread lives, and that is as long as we do. */
	ss.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ss.ss_sp != MAP_FAILED)
		sigaltstack(&ss, NULL);
}

void last_words_setup(int fd)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	struct sigaction sa = { .sa_sigaction = on_signal,
		.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER) };
	void *frame;

	words = fd;
	/* The first call loads a library, which is too late in a handler. */
	(void)backtrace(&frame, 1);
	last_words_thread();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	on_exit(on_exit_called, NULL);
}

void last_words_orderly(void)
{
	atomic_store(&orderly, true);
}
