#include "adapters/config_file.h"

#include "adapters/config_tree.h"

#include <errno.h>
#include <stdlib.h>

void config_read_all(struct config_loader *l, const char *file)
{
	l->config = config_grow(NULL, 0, sizeof(*l->config));
	l->config->file = strdup(file);
	config_tree_load(l, file);
	config_build(l);
	config_judge(l);
	config_problems_sort(l->problems);
}

int config_examine(
    const char *file, bool lenient, struct config **ret_config, struct config_problems *problems)
{
	struct config_loader l = { .problems = problems, .lenient = lenient };
	size_t before = problems->errors;

	config_read_all(&l, file);
	config_tree_free(&l);
	*ret_config = l.config;
	return problems->errors > before ? -EINVAL : 0;
}

int config_load(const char *file, bool lenient, struct config **ret_config, struct config_problems *problems)
{
	struct config *c;
	int r = config_examine(file, lenient, &c, problems);

	if (r < 0)
		config_free(c);
	else
		*ret_config = c;
	return r;
}
