#include "base/box.h"
#include "lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char folder[64], path[128];

static struct box *open_box(void)
{
	struct box *b;

	ck_assert_int_eq(box_open(path, &b), 0);
	return b;
}

static void begin(void)
{
	unit_folder(folder);
	snprintf(path, sizeof(path), "%s/box", folder);
}

static const struct box_spec one[] = { { "main", 8 } }, two[] = { { "other", 4 }, { "main", 8 } };

static struct box_slot *give(struct box *b, size_t section, uint32_t i, uint8_t id)
{
	uint8_t hash[14] = { id };
	struct box_run run = { .id = hash,
		.id_text = { "id-text", 7 },
		.topic = "orders",
		.handler = "charge",
		.partition = 3,
		.offset = 40 + id,
		.fence = 1000u + id,
		.attempt = 1 };
	struct box_slot *slot = box_slot(b, box_section(b, section), i);

	box_give(slot, &run);
	return slot;
}

static void set_session(struct box *b, size_t section, uint8_t id)
{
	struct box_section *s = box_section(b, section);

	s->session.b[0] = id;
	atomic_store(&s->has_session, 1);
}

/* The slot of an id in a section, wherever it was carried to; NULL: gone. */
static struct box_slot *find(struct box *b, size_t section, uint8_t id)
{
	struct box_section *s = box_section(b, section);

	for (uint32_t i = 0; i < s->n_slots; i++)
		if (atomic_load(&box_slot(b, s, i)->state) != BOX_FREE && box_slot(b, s, i)->id[0] == id)
			return box_slot(b, s, i);
	return NULL;
}

START_TEST(next_engine_finds_what_was_left)
{
	struct box *b;

	begin();
	b = open_box();
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	set_session(b, 0, 7);
	give(b, 0, 0, 1); /* waits for a worker */
	box_start(give(b, 0, 1, 2), 123456);
	box_start(give(b, 0, 2, 3), 123457);
	box_end(find(b, 0, 3), 2, 500, "no such customer");
	box_free(give(b, 0, 3, 4));
	box_close(b);

	b = open_box();
	box_judge(b, BOX_CRASH);
	ck_assert_int_eq(box_layout(b, two, 2), 0);
	ck_assert_uint_eq(atomic_load(&box_section(b, 1)->n_past), 1);
	ck_assert_uint_eq(box_section(b, 1)->past[0].b[0], 7);
	ck_assert_uint_eq(box_section(b, 1)->doubtful, 0);
	ck_assert_uint_eq(atomic_load(&box_section(b, 1)->has_session), 0);
	ck_assert_ptr_null(find(b, 1, 1));
	ck_assert_ptr_null(find(b, 1, 4));
	ck_assert_uint_eq(atomic_load(&find(b, 1, 2)->state), BOX_RUNNING);
	ck_assert_uint_eq(find(b, 1, 2)->blame, BOX_CRASHED);
	ck_assert_int_eq(atomic_load(&find(b, 1, 2)->start_ms), 123456);
	ck_assert_uint_eq(atomic_load(&find(b, 1, 3)->state), BOX_ENDED);
	ck_assert_int_eq(atomic_load(&find(b, 1, 3)->outcome), 2);
	ck_assert_str_eq(find(b, 1, 3)->why, "no such customer");
	ck_assert_str_eq(find(b, 1, 2)->handler, "charge");
	box_close(b);
	unit_remove(folder);
}
END_TEST

/* cause, how many ran, one of them past max_run: the blame of the first. */
START_TEST(blame_is_laid_by_the_rules)
{
	static const struct {
		enum box_cause cause;
		uint32_t running;
		bool overran;
		enum box_blame blame;
	} rules[] = { { BOX_CRASH, 1, false, BOX_CRASHED }, { BOX_CRASH, 3, false, BOX_SUSPECTED },
		{ BOX_KILLED, 1, false, BOX_SUSPECTED }, { BOX_LOST, 1, false, BOX_SUSPECTED },
		{ BOX_WATCHDOG, 2, false, BOX_SUSPECTED }, { BOX_TIMEOUT, 3, true, BOX_TIMED_OUT },
		{ BOX_TIMEOUT, 3, false, BOX_INNOCENT }, { BOX_RELOAD, 1, false, BOX_INNOCENT },
		{ BOX_STOP, 1, false, BOX_INNOCENT } };

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct box *b;

		begin();
		b = open_box();
		ck_assert_int_eq(box_layout(b, one, 1), 0);
		for (uint32_t k = 0; k < rules[i].running; k++)
			box_start(give(b, 0, k, (uint8_t)(k + 1)), 1);
		give(b, 0, 7, 99);
		atomic_store(&find(b, 0, 1)->overran, rules[i].overran);
		box_judge(b, rules[i].cause);
		ck_assert_uint_eq(find(b, 0, 1)->blame, rules[i].blame);
		ck_assert_uint_eq(find(b, 0, 99)->blame, BOX_UNJUDGED);
		/* What was judged stays so, whatever comes before it is recorded. */
		box_judge(b, BOX_STOP);
		box_judge(b, BOX_CRASH);
		ck_assert_uint_eq(find(b, 0, 1)->blame, rules[i].blame);
		box_close(b);
		unit_remove(folder);
	}
}
END_TEST

START_TEST(layouts_may_follow_each_other)
{
	struct box *b;
	struct stat st;

	begin();
	b = open_box();
	for (unsigned i = 0; i < 50; i++) {
		ck_assert_int_eq(box_layout(b, i % 2 == 0 ? one : two, i % 2 == 0 ? 1 : 2), 0);
		if (i == 0)
			box_start(give(b, 0, 0, 5), 1);
		box_judge(b, BOX_KILLED);
		ck_assert_ptr_nonnull(find(b, i % 2, 5));
	}
	/* A section that is not laid out any more is gone. */
	ck_assert_int_eq(box_layout(b, &two[0], 1), 0);
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	ck_assert_ptr_null(find(b, 0, 5));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 1 << 20);
	box_close(b);
	unit_remove(folder);
}
END_TEST

START_TEST(past_sessions_are_kept_until_they_are_recorded)
{
	struct box *b;

	begin();
	b = open_box();
	for (uint8_t i = 1; i <= 9; i++) {
		ck_assert_int_eq(box_layout(b, one, 1), 0);
		set_session(b, 0, i);
	}
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	ck_assert_uint_eq(atomic_load(&box_section(b, 0)->n_past), BOX_MAX_SESSIONS);
	ck_assert_uint_eq(box_section(b, 0)->past[BOX_MAX_SESSIONS - 1].b[0], 9);
	box_close(b);
	unit_remove(folder);
}
END_TEST

static void damage(off_t at, const void *bytes, size_t n)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

/* Stores that did not come to the disk, and a machine that was started anew. */
START_TEST(torn_slots_and_another_boot_are_doubted)
{
	struct box *b;
	struct box_slot *slot;

	begin();
	b = open_box();
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	slot = give(b, 0, 0, 1);
	box_start(slot, 1);
	ck_assert(box_slot_is_whole(slot));
	slot->offset++;
	ck_assert(!box_slot_is_whole(slot));
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	ck_assert_uint_eq(box_section(b, 0)->doubtful, 1);
	ck_assert_ptr_null(find(b, 0, 1));
	box_section(b, 0)->doubtful = 0;
	box_close(b);

	damage(16, "another boot", 12);
	b = open_box();
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	ck_assert_uint_eq(box_section(b, 0)->doubtful, 1);
	/* ... until it is recorded. */
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	ck_assert_uint_eq(box_section(b, 0)->doubtful, 1);
	box_close(b);
	unit_remove(folder);
}
END_TEST

START_TEST(a_file_that_is_no_box_becomes_one)
{
	uint8_t junk[65536];
	struct box *b;

	for (unsigned round = 0; round < 64; round++) {
		begin();
		b = open_box();
		ck_assert_int_eq(box_layout(b, two, 2), 0);
		box_start(give(b, 1, 0, 5), 1);
		box_close(b);
		for (size_t i = 0; i < sizeof(junk); i++)
			junk[i] = (uint8_t)(i * 2654435761u >> (round % 24));
		/* All of it, or the areas' places, the sections, a part of each. */
		damage(round % 4 == 0 ? 0 : 32 + 8 * (off_t)round, junk,
		    round % 4 == 0 ? sizeof(junk) : 8 * (size_t)(round + 1));
		if (round % 3 == 0)
			damage(32768, junk, 400);
		b = open_box();
		box_judge(b, BOX_CRASH);
		ck_assert_int_eq(box_layout(b, one, 1), 0);
		box_start(give(b, 0, 0, 6), 1);
		ck_assert_ptr_nonnull(find(b, 0, 6));
		box_close(b);
		unit_remove(folder);
	}
}
END_TEST

START_TEST(only_one_may_have_it)
{
	struct box *b, *second;
	pid_t pid;
	int status;

	begin();
	b = open_box();
	ck_assert_int_eq(box_open(path, &second), -EWOULDBLOCK);
	/* A child that was left behind holds it, too. */
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	box_close(b);
	ck_assert_int_eq(box_open(path, &second), -EWOULDBLOCK);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(box_open(path, &second), 0);
	box_close(second);
	ck_assert_int_eq(box_open(NULL, &b), 0);
	ck_assert_int_eq(box_layout(b, one, 1), 0);
	box_close(b);
	unit_remove(folder);
}
END_TEST

/* On a full disk there is no file and no SIGBUS; where there was room once, later engines have theirs. */
START_TEST(a_full_disk_is_an_error_and_no_sigbus)
{
	struct rlimit room = { 16384, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	struct box *b;
	struct stat st;

	begin();
	signal(SIGXFSZ, SIG_IGN);
	/* A limit of a file's size stands for the disk: posix_fallocate fails in the same way. */
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
	ck_assert_int_lt(box_open(path, &b), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
	b = open_box();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, st.st_size);
	ck_assert_int_eq(box_reserve(b, 2, 12), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, st.st_size);
	room.rlim_cur = (rlim_t)st.st_size;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(box_layout(b, two, 2), 0);
	ck_assert_int_lt(box_reserve(b, 2, 100000), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
	box_close(b);
	unit_remove(folder);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { next_engine_finds_what_was_left, blame_is_laid_by_the_rules,
		layouts_may_follow_each_other, past_sessions_are_kept_until_they_are_recorded,
		torn_slots_and_another_boot_are_doubted, a_file_that_is_no_box_becomes_one,
		only_one_may_have_it, a_full_disk_is_an_error_and_no_sigbus, NULL };

	return unit_run("box", tests);
}
