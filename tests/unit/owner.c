/* SPDX-License-Identifier: Apache-2.0 */
/* How long otb-tcpretrans remembers whose a socket is. The scan of open files is not in this: see tests/tcpretrans.bats. */
#include "cmd/otb-tcpretrans/owner.h"

#include <unistd.h>

#include "common/host/clock.h"
#include "tests/unit/tap.h"

#define KEEP_NS (150 * UINT64_C(1000000000))

static struct tcpretrans_socket socket_of(uint64_t cookie)
{
	return (struct tcpretrans_socket){ .cookie = cookie, .inode = cookie, .netns = 1, .pid = (uint32_t)getpid() };
}

/* An event of ours, of this socket. */
static void take(struct owners *owners, uint64_t cookie)
{
	struct tcpretrans_socket socket = socket_of(cookie);
	struct owner owner;

	owner_take(owners, &socket, &owner);
}

static bool is_known(struct owners *owners, uint64_t cookie)
{
	struct tcpretrans_socket socket = socket_of(cookie);
	struct owner owner;

	owner_settle(owners, &socket, &owner);
	return owner.pid == (uint32_t)getpid();
}

/* What happens before it is called is before what it returns, and what happens afterwards is behind. */
static uint64_t mark(void)
{
	uint64_t now = clock_monotonic_ns();

	while (clock_monotonic_ns() == now)
		;
	return now;
}

static void test_age(void)
{
	static struct owners owners;
	uint64_t marked;

	take(&owners, 1);
	marked = mark();
	take(&owners, 2);
	owners_limit(&owners, marked);
	check(is_known(&owners, 1) && is_known(&owners, 2), "sockets are known");
	owners_limit(&owners, marked + KEEP_NS + 1);
	check(!is_known(&owners, 1), "one that no event came of for 150 s is forgotten");
	check(is_known(&owners, 2), "one with an event since is not");
	check(owners.n_entries == 1, "and is what takes memory");
	owners_limit(&owners, marked + 2 * KEEP_NS);
	check(!is_known(&owners, 2) && owners.n_entries == 0, "until its time has come");
	owners_close(&owners);
}

static void test_lookup(void)
{
	static struct owners owners;
	struct tcpretrans_socket socket = socket_of(1);
	struct owner owner;
	uint64_t marked;

	take(&owners, 1);
	marked = mark();
	check(!owner_find(&owners, &socket, marked, &owner), "an owner that was only learnt has to be looked for");
	owners_limit(&owners, marked + KEEP_NS + 1);
	check(is_known(&owners, 1), "a socket that is looked for is not forgotten");
	owners_close(&owners);
}

static void test_many(void)
{
	static struct owners owners;
	uint64_t cookie = 0;

	while (cookie < 16384)
		take(&owners, ++cookie);
	owners_limit(&owners, clock_monotonic_ns());
	check(owners.n_entries == 16384, "16384 sockets are kept (%u)", owners.n_entries);
	take(&owners, ++cookie);
	owners_limit(&owners, clock_monotonic_ns());
	check(owners.n_entries == 0 && !is_known(&owners, cookie), "one more, and all are forgotten (%u)",
	      owners.n_entries);
	owners_close(&owners);
}

int main(void)
{
	test_age();
	test_lookup();
	test_many();
	return finish_tests();
}
