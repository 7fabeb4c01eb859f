/* link_private.h - what the files of the link share; nobody else includes it.
 *
 * link.c        calls and their replies
 * link_view.c   reading the metadata, lists and segments into a view
 * link_heal.c   what was lost, and writing it again
 * link_accept.c going on after a loss
 * link_recover.c what dead engines of this node left
 *
 * Owns:    -
 * Threads: as core/link.h.
 * Uses:    core/link.
 */
#ifndef CORE_LINK_PRIVATE_H
#define CORE_LINK_PRIVATE_H

#include "core/link.h"

/* Sets fault and text; returns r. */
int link_fail(struct link *l, enum link_fault fault, int r, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int link_trouble(struct link *l, int r);
/* Results that are to be had go to the flow, once they are confirmed. */
int link_deliver(struct link *l, struct mono now);

/* Read a list on from where the table stands.  -ESTALE: it is not the list that was read; -ENOENT: it is gone. */
int link_read_list(struct link *l, struct table *t);
void link_keep(struct link *l, struct table *t, struct mono now);	/* takes a reference of its own */
void link_drop_kept(struct link *l, struct mono now);

/* -ENOENT: a part of it is gone; -EBADMSG: it is damaged. */
int link_load_segment(struct link *l, const struct segment_info *info, bool tags, struct segment **ret_segment);
/* 1: every byte of the segment is what was written; 0: some is gone or damaged; -errno. */
int link_verify_segment(struct link *l, const struct segment_info *info);

/* Compare what was read before, the kept tables, with the view; queue what is gone. */
int link_compare(struct link *l);

#endif
