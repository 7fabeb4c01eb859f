/* The postgres handler's parser and its table of errors; no server. */
#include "sql.h"
#include "sqlstate.h"

#include "lib/unit.h"

#include <errno.h>

#ifndef DOCS
#error "DOCS: the folder of the documents"
#endif

static char why[500];

/* The one statement of `text`. */
static const struct sql_statement *one(const char *text)
{
	static struct sql sql;

	sql_free(&sql);
	ck_assert_msg(sql_parse(text, &sql, why, sizeof(why)) == 0, "%s: %s", text, why);
	ck_assert_uint_eq(sql.n, 1);
	return &sql.statements[0];
}

static void refused(const char *text, const char *expected)
{
	struct sql sql = { NULL, 0 };

	ck_assert_int_eq(sql_parse(text, &sql, why, sizeof(why)), -EINVAL);
	ck_assert_msg(strstr(why, expected) != NULL, "%s: %s", text, why);
	ck_assert_uint_eq(sql.n, 0);
}

START_TEST(each_place_is_a_parameter_of_its_own)
{
	const struct sql_statement *st = one("insert into t values (:id, :payload::jsonb, :id)");

	ck_assert_str_eq(st->text, "insert into t values ( $1 ,  $2 ::jsonb,  $3 )");
	ck_assert_uint_eq(st->n_params, 3);
	ck_assert_int_eq(st->params[0].source, SQL_ID);
	ck_assert_int_eq(st->params[1].source, SQL_PAYLOAD);
	ck_assert_int_eq(st->params[2].source, SQL_ID);
}
END_TEST

START_TEST(every_name_is_known)
{
	const struct sql_statement *st = one(
	    "select :id, :key, :payload, :header(a-b c), :subscription, :route, "
	    ":handler, :topic, :partition, :attempt, :offset, :fence, :timestamp, "
	    ":timestamp_ms, :redelivered");

	ck_assert_uint_eq(st->n_params, SQL_REDELIVERED + 1);
	for (size_t i = 0; i < st->n_params; i++)
		ck_assert_uint_eq(st->params[i].source, i);
	ck_assert_str_eq(st->params[SQL_HEADER].header, "a-b c");
	ck_assert_str_eq(sql_source_name(SQL_TIMESTAMP_MS), ":timestamp_ms");
}
END_TEST

/* Each holds :id where it is none: the text comes back as it was. */
START_TEST(no_parameter_in_quotes_comments_casts)
{
	static const char *const texts[] = { "select ':id'", "select 'it''s :id'", "select \":id\"",
		"select \"a\"\":id\"", "select E'\\':id'", "select e'\\\\', 1", "select E'a'\n  ':id\\':id'",
		"select E'a' -- x\n  '\\':id'", "select U&'\\:id'", "select $$:id$$",
		"select $a$ :id $$ $b$ :id $a$", "select 1 -- :id", "select 1 /* :id /* :id */ :id */ + 1",
		"select '1'::id", "select a::id::id", "select f(x := 1)", "select a[1:2]", "select a[1: id]",
		"select a$b", "select a$1, a$$b", "select '\\', 1", "select 'a' 'b;c'",
		"select \"a;b\", $$;$$ /* ; */", "select \xc3\xa9$x$ from \xc3\xa9" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_uint_eq(one(texts[i])->n_params, 0);
		ck_assert_str_eq(one(texts[i])->text, texts[i]);
	}
}
END_TEST

START_TEST(parameters_stand_apart_from_their_neighbours)
{
	ck_assert_str_eq(one("select case when x then:id end")->text, "select case when x then $1  end");
	ck_assert_str_eq(one("select :header(x)5")->text, "select  $1 5");
	ck_assert_str_eq(one("select 'a':id")->text, "select 'a' $1 ");
	ck_assert_str_eq(one("select :id::text")->text, "select  $1 ::text");
	ck_assert_str_eq(one("select a[:offset:3]")->text, "select a[ $1 :3]");
	/* After an ordinary string a backslash is a character: what follows is a parameter. */
	ck_assert_uint_eq(one("select '\\':id")->n_params, 1);
	ck_assert_uint_eq(one("select E'\\\\':id")->n_params, 1);
	ck_assert_uint_eq(one("select name'x', :id")->n_params, 1);
	ck_assert_uint_eq(one("select $a$x$a$, :id -- :id\n, :id")->n_params, 2);
	ck_assert(one("/* x */ Call p(:id)")->is_call);
	ck_assert(!one("select call(:id)")->is_call);
}
END_TEST

START_TEST(statements_are_told_apart)
{
	struct sql sql;

	ck_assert_int_eq(
	    sql_parse("-- two\n insert into a values (';', :id); ;\n UPDATE b SET c = :key;\n/* end */", &sql,
		why, sizeof(why)),
	    0);
	ck_assert_uint_eq(sql.n, 2);
	ck_assert_uint_eq(sql.statements[0].n_params, 1);
	ck_assert_str_eq(sql.statements[1].text, "\n UPDATE b SET c =  $1 ");
	sql_free(&sql);
}
END_TEST

START_TEST(what_cannot_be_meant_is_refused)
{
	refused("", "holds no statement");
	refused(" ; -- x", "holds no statement");
	refused("select :payloda", "no parameter :payloda; there are :id");
	refused("select 1;\nselect a[1:hi]", "statement 2, line 2: no parameter :hi");
	refused("select :ID", "no parameter :ID");
	refused("select :header", "expected :header(NAME)");
	refused("select :header()", "expected :header(NAME)");
	refused("select :header(a", "expected :header(NAME)");
	refused("select $1", "found a parameter by number");
	refused("select 'a", "a string is not closed");
	refused("select E'a\\'", "a string is not closed");
	refused("select \"a", "a quoted name is not closed");
	refused("select $a$ $b$", "a dollar-quoted string is not closed");
	refused("select /* /* */", "a comment is not closed");
	refused("commit", "begins with commit, expected INSERT");
	refused("insert into a values (1); ROLLBACK", "statement 2, line 1: begins with ROLLBACK");
	refused("insertx into a", "begins with insertx");
	refused("copy a from stdin", "begins with copy");
	refused("; :id", "begins with `:`");
}
END_TEST

static enum verdict judge(const struct sqlstate_changes *c, const char *code)
{
	return sqlstate_judge(c, code);
}

START_TEST(the_longer_code_decides)
{
	struct sqlstate_changes none = { .n = 0 }, c = { .n = 0 };

	ck_assert_int_eq(judge(&none, "40001"), VERDICT_RETRY);
	ck_assert_int_eq(judge(&none, "23505"), VERDICT_REJECT);
	ck_assert_int_eq(judge(&none, "23503"), VERDICT_RETRY);
	ck_assert_int_eq(judge(&none, "57P01"), VERDICT_RECONNECT);
	ck_assert_int_eq(judge(&none, "57014"), VERDICT_RETRY);
	ck_assert_int_eq(judge(&none, "XX000"), VERDICT_RETRY);
	ck_assert_int_eq(judge(&none, ""), VERDICT_RECONNECT);
	ck_assert_int_eq(sqlstate_change(&c, "23", VERDICT_SKIP), 0);
	ck_assert_int_eq(sqlstate_change(&c, "23514", VERDICT_RETRY), 0);
	ck_assert_int_eq(sqlstate_change(&c, "23503", VERDICT_REJECT), 0);
	ck_assert_int_eq(judge(&c, "23505"), VERDICT_SKIP);
	ck_assert_int_eq(judge(&c, "23514"), VERDICT_RETRY);
	ck_assert_int_eq(judge(&c, "23503"), VERDICT_REJECT);
	ck_assert_int_eq(judge(&c, "22P02"), VERDICT_REJECT);
}
END_TEST

START_TEST(changes_that_are_none_are_refused)
{
	struct sqlstate_changes c = { .n = 0 };

	ck_assert_int_eq(sqlstate_change(&c, "", VERDICT_SKIP), -EINVAL);
	ck_assert_int_eq(sqlstate_change(&c, "235", VERDICT_SKIP), -EINVAL);
	ck_assert_int_eq(sqlstate_change(&c, "23505x", VERDICT_SKIP), -EINVAL);
	ck_assert_int_eq(sqlstate_change(&c, "p0", VERDICT_SKIP), -EINVAL);
	ck_assert_int_eq(sqlstate_change(&c, "23", VERDICT_SKIP), 0);
	ck_assert_int_eq(sqlstate_change(&c, "23", VERDICT_RETRY), -EEXIST);
}
END_TEST

/* The table of docs/handlers/postgres.md; `postgres_test print` prints it. */
static void print_table(char *out, size_t size)
{
	static const char *const verdicts[] = { "retry", "retry, on a new connection", "reject", "skip" };
	const char *code, *what;
	enum verdict v;
	size_t n = (size_t)snprintf(out, size, "| SQLSTATE | outcome | what it is |\n|---|---|---|\n");

	for (size_t i = 0; sqlstate_row(i, &code, &v, &what); i++)
		n += (size_t)snprintf(out + n, size - n, "| `%s` | %s | %s |\n", code, verdicts[v], what);
}

START_TEST(the_page_has_the_table_of_the_code)
{
	static char table[8000], text[60000];
	FILE *f = fopen(DOCS "/handlers/postgres.md", "re");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	print_table(table, sizeof(table));
	ck_assert_msg(
	    strstr(text, table) != NULL, "docs/handlers/postgres.md lacks what `postgres_test print` prints");
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = { each_place_is_a_parameter_of_its_own, every_name_is_known,
		no_parameter_in_quotes_comments_casts, parameters_stand_apart_from_their_neighbours,
		statements_are_told_apart, what_cannot_be_meant_is_refused, the_longer_code_decides,
		changes_that_are_none_are_refused, the_page_has_the_table_of_the_code, NULL };
	static char table[8000];

	if (argc == 1)
		return unit_run("postgres", tests);
	(void)argv;
	print_table(table, sizeof(table));
	fputs(table, stdout);
	return 0;
}
