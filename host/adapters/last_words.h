/* last_words.h - what a dying engine still says: the signal, the thread, the way it got there.
 *
 * Written to a file that the manager holds, from a signal handler; and an
 * exit() inside a plugin is turned into a death at once, before destructors
 * run under threads that still work.
 *
 * Owns:    the handlers of SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS and SIGTRAP.
 * Threads: last_words_setup: main, before others; last_words_thread: each that runs plugins.
 * Uses:    libdl (dladdr), libc (backtrace).
 */
#ifndef ADAPTERS_LAST_WORDS_H
#define ADAPTERS_LAST_WORDS_H

void last_words_setup(int fd);
/* A stack of its own for the handler, so that an overflow is told, too; one call a thread. */
void last_words_thread(void);
/* From now on exit() is ours. */
void last_words_orderly(void);

#endif
