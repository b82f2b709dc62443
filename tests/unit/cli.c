/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, where argp has no memory to parse it. */
#include "common/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

/* libc's, without memory. */
error_t argp_parse(const struct argp *argp, int argc, char **argv, unsigned int flags, int *index, void *input)
{
	(void)argp, (void)argc, (void)argv, (void)flags, (void)index, (void)input;
	return ENOMEM;
}

static void test_no_memory(void)
{
	static const struct argp own = { .doc = "" };
	char name[] = "test", *argv[] = { name, NULL };
	struct cli cli = { .program = "test" };
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		abort();
	if (!child) {
		cli_parse(&cli, &own, NULL, 1, argv);
		_exit(EXIT_DONE);
	}
	check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILED,
	      "a command line that could not be read is not taken for one without options");
}

int main(void)
{
	test_no_memory();
	return finish_tests();
}
