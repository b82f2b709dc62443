/* SPDX-License-Identifier: Apache-2.0 */
/* Watching a file: in place, by rename(2), and by whatever links are on the way to it. */
#include "common/host/file_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"

/* ---- what happens to files ---- */

/* Each text is longer than the one before: what is written within a tick of the clock has another size at least. */
static void write_file(const char *path)
{
	static int length;
	FILE *file = fopen(path, "w");

	if (file) {
		fprintf(file, "%*s", ++length, "x");
		fclose(file);
	}
}

static void replace_file(const char *path)
{
	write_file("new");
	rename("new", path);
}

static void make_link(const char *target, const char *path)
{
	check(!symlink(target, path), "a link %s to %s", path, target);
}

/* Turns a link over at once, as ln -sfn does not. */
static void turn_link(const char *target, const char *path)
{
	make_link(target, "link");
	rename("link", path);
}

/* What was made for a case, whatever became of it. */
static void clean_up(void)
{
	check(!system("rm -rf -- * ..[0-9]* ..data"), "cleaned up");
}

/* ---- what is noticed of it ---- */

static bool is_readable(const struct file_watch *watch)
{
	struct pollfd poll_fd = { .fd = watch->fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static void check_noticed(struct file_watch *watch, const char *what)
{
	check(is_readable(watch) && file_watch_changed(watch), "noticed: %s", what);
	check(!file_watch_changed(watch), "once: %s", what);
}

/* It may be looked at, but is not taken for a change. */
static void check_unchanged(struct file_watch *watch, const char *what)
{
	check(!file_watch_changed(watch), "no change: %s", what);
}

static unsigned int count_watches(const struct file_watch *watch)
{
	char path[64], line[256];
	unsigned int n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", watch->fd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		n += !strncmp(line, "inotify ", strlen("inotify "));
	if (file)
		fclose(file);
	return n;
}

/* ---- cases ---- */

/* Whatever else happens in its folder, a file that is being written is none yet. */
static void check_closed(struct file_watch *watch, const char *path, const char *what)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	check_unchanged(watch, what);
	fprintf(file, "half of %s", what);
	fflush(file);
	write_file("other");
	replace_file("another");
	check_unchanged(watch, what);
	fclose(file);
	check_noticed(watch, what);
}

static void test_half(void)
{
	struct file_watch watch;

	write_file("rules");
	check(!file_watch_open(&watch, "rules"), "a file that is being written");
	check_closed(&watch, "rules", "in place");
	unlink("rules");
	check_closed(&watch, "rules", "anew");
	unlink("rules");
	check_unchanged(&watch, "gone");
	check_closed(&watch, "rules", "where there was none");
	rename("rules", "rules~");
	check_closed(&watch, "rules", "where the old one was moved aside");
	unlink("rules");
	check(!link("rules~", "rules"), "another name");
	check_noticed(&watch, "another name of a file");
	unlink("rules");
	make_link("rules~", "rules");
	check_unchanged(&watch, "a link to the same");
	write_file("third");
	unlink("rules");
	make_link("third", "rules");
	check_noticed(&watch, "a new link to another file");
	file_watch_close(&watch);
	clean_up();
}

static void test_plain(void)
{
	struct file_watch watch;

	write_file("rules");
	check(!file_watch_open(&watch, "rules"), "a file in the current folder");
	check(!is_readable(&watch), "nothing has happened");
	write_file("rules");
	check_noticed(&watch, "written in place");
	replace_file("rules");
	check_noticed(&watch, "replaced");
	write_file("rules");
	check_noticed(&watch, "written in place after it was replaced");
	unlink("rules");
	check_unchanged(&watch, "gone");
	write_file("rules");
	check_noticed(&watch, "there again");
	write_file("other");
	check_unchanged(&watch, "another file of the folder");
	file_watch_close(&watch);
	check(watch.fd < 0, "closed");
	clean_up();
}

static void test_link(void)
{
	struct file_watch watch;

	mkdir("a", 0700);
	mkdir("b", 0700);
	write_file("a/rules");
	write_file("b/rules");
	make_link("a/rules", "rules");
	check(!file_watch_open(&watch, "./rules"), "a link into another folder");
	write_file("a/rules");
	check_noticed(&watch, "written in place in the other folder");
	replace_file("a/rules");
	check_noticed(&watch, "replaced there");
	turn_link("b/rules", "rules");
	check_noticed(&watch, "the link turned over");
	write_file("b/rules");
	check_noticed(&watch, "written in place where it leads to now");
	write_file("a/rules");
	check(!is_readable(&watch) || !file_watch_changed(&watch), "not where it led to before");
	replace_file("rules");
	check_noticed(&watch, "a file instead of the link");
	file_watch_close(&watch);
	clean_up();
}

/* As the kubelet writes a volume (AtomicWriter, pkg/volume/util/atomic_writer.go): the files are links to ..data/NAME,
 * and ..data is one to a folder with a time for its name, which is turned over, and the old folder removed. */
static void put_config_map(const char *folder)
{
	char path[64];

	mkdir(folder, 0700);
	snprintf(path, sizeof(path), "%s/rules", folder);
	write_file(path);
	turn_link(folder, "..data");
}

static void remove_config_map(const char *folder)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/rules", folder);
	unlink(path);
	rmdir(folder);
}

static void check_config_map(const char *path)
{
	struct file_watch watch;

	put_config_map("..1");
	make_link("..data/rules", "rules");
	check(!file_watch_open(&watch, path), "a ConfigMap, by %s", path);
	put_config_map("..2");
	check_noticed(&watch, "..data turned over");
	remove_config_map("..1");
	check_unchanged(&watch, "the old folder removed");
	put_config_map("..3");
	check_noticed(&watch, "..data turned over again");
	write_file("..3/rules");
	check_noticed(&watch, "written in place, as nobody should");
	remove_config_map("..2");
	check_unchanged(&watch, "the old folder removed");
	file_watch_close(&watch);
}

static void test_config_map(void)
{
	char folder[4096];

	check_config_map("rules");
	clean_up();
	/* From elsewhere: nothing happens in the folder that holds the first link. */
	mkdir("etc", 0700);
	make_link("../rules", "etc/rules");
	check_config_map("etc/rules");
	clean_up();
	mkdir("etc", 0700);
	check(getcwd(folder, sizeof(folder) - strlen("/rules")), "the folder's name");
	strcat(folder, "/rules");
	make_link(folder, "etc/rules");
	check_config_map("etc/rules");
	clean_up();
}

static void test_folders(void)
{
	struct file_watch watch;

	mkdir("v1", 0700);
	mkdir("v2", 0700);
	write_file("v1/rules");
	write_file("v2/rules");
	make_link("v1", "current");
	check(!file_watch_open(&watch, "v2/../current//./rules"), "a link in the middle of the path");
	turn_link("v2/", "current");
	check_noticed(&watch, "it turned over");
	write_file("v2/rules");
	check_noticed(&watch, "written in place behind it");
	rename("v2", "old");
	check_unchanged(&watch, "the folder moved away");
	mkdir("v2", 0700);
	check_unchanged(&watch, "a new folder");
	write_file("v2/rules");
	check_noticed(&watch, "a new file in it");
	unlink("v2/rules");
	rmdir("v2");
	check_unchanged(&watch, "the folder removed");
	rename("old", "v2");
	check_noticed(&watch, "another in its place");
	file_watch_close(&watch);
	clean_up();
}

static void test_broken(void)
{
	struct file_watch watch;

	make_link("b", "a");
	make_link("a", "b");
	check(!file_watch_open(&watch, "a"), "links in a circle");
	check_unchanged(&watch, "a circle");
	turn_link("none/rules", "b");
	check_unchanged(&watch, "a link to nothing");
	mkdir("none", 0700);
	check_unchanged(&watch, "a link to nothing in a folder");
	write_file("none/rules");
	check_noticed(&watch, "something at last");
	file_watch_close(&watch);
	clean_up();
}

/* The file may have other names, and a container's may be mounted alone: its folder sees nothing of that. */
static void test_other_name(void)
{
	struct file_watch watch;

	mkdir("a", 0700);
	write_file("a/rules");
	check(!link("a/rules", "rules"), "two names");
	check(!file_watch_open(&watch, "rules"), "a file with two names");
	write_file("a/rules");
	check_noticed(&watch, "written in place by the other");
	file_watch_close(&watch);
	clean_up();
}

static void test_many(void)
{
	char name[32], last[32] = "";
	struct file_watch watch;
	unsigned int before = 0, noticed = 0;

	write_file("0");
	make_link("0", "rules");
	check(!file_watch_open(&watch, "rules"), "a link that is turned over a hundred times");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		mkdir(name, 0700);
		strcat(name, "/rules");
		write_file(name);
		turn_link(name, "rules");
		noticed += file_watch_changed(&watch);
		before = i ? before : count_watches(&watch);
		memcpy(last, name, sizeof(last));
	}
	check(noticed == 100, "noticed each time");
	check(before && count_watches(&watch) == before, "no watch of what it led to before stays");
	write_file(last);
	check_noticed(&watch, "written in place at last");
	file_watch_close(&watch);
	clean_up();
}

static void test_errors(void)
{
	struct file_watch watch;
	char path[5000];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	check(file_watch_open(&watch, path) == -ENAMETOOLONG, "a name that is too long");
	check_unchanged(&watch, "a name that is too long");
	file_watch_close(&watch);
}

int main(void)
{
	char folder[] = "/tmp/file_watch.XXXXXX";

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	test_plain();
	test_half();
	test_link();
	test_config_map();
	test_folders();
	test_broken();
	test_other_name();
	test_many();
	test_errors();
	rmdir(folder);
	return finish_tests();
}
