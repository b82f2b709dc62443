/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-tcpretrans/owner.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/host/clock.h"

#define ENTRY_KEEP_NS (150 * UINT64_C(1000000000)) /* above TCP_RTO_MAX, 120 s (include/net/tcp.h) */
#define SWEEP_NS UINT64_C(1000000000)

enum { ENTRIES_MAX = 16384, SCAN_COST_FACTOR = 10 };

struct owner_entry {
	struct owner_entry *next;
	struct tcpretrans_socket socket; /* who is asked for; pid and comm: who was seen at work on it, or closed it */
	struct owner owner;
	uint64_t start_time;  /* of the owner: boot time, ns */
	uint64_t verified_ns; /* when it was last seen to have the socket open; 0: never, only learnt */
	uint64_t asked_ns;    /* when an event last came of the socket */
	uint32_t fd;
	bool wanted; /* by an event: the next scan is to find the owner */
	bool found;  /* by a scan: owner, fd and start_time are those of a holder */
};

/* ---- the table ---- */

static uint64_t socket_key(const struct tcpretrans_socket *socket)
{
	return socket->cookie ? socket->cookie : socket->inode ^ (uint64_t)socket->netns << 32;
}

static bool socket_is(const struct tcpretrans_socket *a, const struct tcpretrans_socket *b)
{
	if (a->cookie || b->cookie)
		return a->cookie == b->cookie;
	return a->inode == b->inode && a->netns == b->netns;
}

static struct owner_entry **bucket_of(struct owners *owners, const struct tcpretrans_socket *socket)
{
	/* Fibonacci hashing: cookies and inodes count up. */
	return &owners->buckets[socket_key(socket) * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}

static struct owner_entry *entry_find(struct owners *owners, const struct tcpretrans_socket *socket)
{
	for (struct owner_entry *entry = *bucket_of(owners, socket); entry; entry = entry->next)
		if (socket_is(&entry->socket, socket))
			return entry;
	return NULL;
}

static struct owner_entry *entry_get(struct owners *owners, const struct tcpretrans_socket *socket)
{
	struct owner_entry *entry = entry_find(owners, socket);
	struct owner_entry **bucket = bucket_of(owners, socket);

	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return NULL;
		entry->socket = *socket;
		entry->next = *bucket;
		*bucket = entry;
		owners->n_entries++;
	}
	entry->asked_ns = clock_monotonic_ns();
	return entry;
}

static void entries_free(struct owners *owners, uint64_t not_asked_since_ns)
{
	for (unsigned int i = 0; i < OWNER_BUCKETS; i++) {
		struct owner_entry **link = &owners->buckets[i];

		while (*link) {
			struct owner_entry *entry = *link;

			if (entry->asked_ns >= not_asked_since_ns) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			free(entry);
			owners->n_entries--;
		}
	}
}

void owners_limit(struct owners *owners, uint64_t now_ns)
{
	if (owners->n_entries > ENTRIES_MAX) {
		entries_free(owners, UINT64_MAX);
	} else if (now_ns >= owners->next_sweep_ns) {
		owners->next_sweep_ns = now_ns + SWEEP_NS;
		if (now_ns > ENTRY_KEEP_NS)
			entries_free(owners, now_ns - ENTRY_KEEP_NS);
	}
}

/* ---- the scan ---- */

int owners_open(struct owners *owners, struct bpf_program *files)
{
	memset(owners, 0, sizeof(*owners));
	owners->files = bpf_program__attach_iter(files, NULL);
	return owners->files ? 0 : -errno;
}

void owners_close(struct owners *owners)
{
	bpf_link__destroy(owners->files);
	entries_free(owners, UINT64_MAX);
}

static void owner_set(struct owner *owner, const struct tcpretrans_socket *holder)
{
	owner->pid = holder->pid;
	memcpy(owner->comm, holder->comm, COMM_SIZE);
	owner->comm[COMM_SIZE - 1] = '\0';
	owner->container_id[0] = '\0';
}

/* Whether a further holder is to be preferred to the one found before: see the header. */
static bool holder_is_better(const struct owner_entry *entry, const struct tcpretrans_file *file)
{
	if (!entry->found || file->socket.pid == entry->socket.pid)
		return true;
	return entry->owner.pid != entry->socket.pid && file->start_time > entry->start_time;
}

/* A cookie may have been given to the socket after the event, which then knew only its inode. */
static struct owner_entry *entry_of_file(struct owners *owners, const struct tcpretrans_file *file)
{
	struct tcpretrans_socket nameless = file->socket;
	struct owner_entry *entry = entry_find(owners, &file->socket);

	nameless.cookie = 0;
	return entry || !file->socket.cookie ? entry : entry_find(owners, &nameless);
}

static void take_file(void *context, const struct tcpretrans_file *file)
{
	struct owners *owners = context;
	struct owner_entry *entry = entry_of_file(owners, file);

	if (!entry || !entry->wanted || !holder_is_better(entry, file))
		return;
	owner_set(&entry->owner, &file->socket);
	entry->fd = file->fd;
	entry->start_time = file->start_time;
	entry->verified_ns = owners->scan_ns;
	entry->found = true;
}

void owners_visit_files(struct owners *owners, owners_file_callback *on_file, void *context)
{
	struct tcpretrans_file files[256];
	size_t held = 0;
	int fd = bpf_iter_create(bpf_link__fd(owners->files));

	if (fd < 0) {
		diag_print_errno(DIAG_WARN, fd, "cannot look through open files: some records will name no process");
		return;
	}
	while (held < sizeof(files)) { /* always: less than one entry is held over, which gcc 14 does not see */
		ssize_t n = read(fd, (char *)files + held, sizeof(files) - held);
		size_t whole;

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		held += (size_t)n;
		whole = held / sizeof(files[0]);
		for (size_t i = 0; i < whole; i++)
			on_file(context, &files[i]);
		held -= whole * sizeof(files[0]);
		memmove(files, &files[whole], held);
	}
	close(fd);
}

static void entries_unwant(struct owners *owners)
{
	for (unsigned int i = 0; i < OWNER_BUCKETS; i++) {
		for (struct owner_entry *entry = owners->buckets[i]; entry; entry = entry->next) {
			if (entry->wanted && entry->found)
				process_container_id((pid_t)entry->owner.pid, entry->owner.container_id);
			entry->wanted = false;
		}
	}
}

bool owners_may_scan(const struct owners *owners)
{
	return clock_monotonic_ns() >= owners->next_scan_ns;
}

void owners_scan(struct owners *owners)
{
	uint64_t end;

	owners->scan_ns = clock_monotonic_ns();
	owners_visit_files(owners, take_file, owners);
	entries_unwant(owners);
	end = clock_monotonic_ns();
	owners->next_scan_ns = end + (end - owners->scan_ns) * SCAN_COST_FACTOR;
}

/* ---- one socket ---- */

void owner_take(struct owners *owners, const struct tcpretrans_socket *socket, struct owner *owner)
{
	struct owner_entry *entry = entry_get(owners, socket);

	owner_set(owner, socket);
	if (!entry) {
		process_container_id((pid_t)owner->pid, owner->container_id);
		return;
	}
	if (entry->owner.pid != owner->pid) {
		entry->found = false;
		owner_set(&entry->owner, socket);
		process_container_id((pid_t)owner->pid, entry->owner.container_id);
	}
	entry->socket = *socket;
	memcpy(owner->container_id, entry->owner.container_id, CONTAINER_ID_SIZE);
}

/* Whether the holder that was found still has the socket open, which also brings its name up to date. */
static bool entry_verify(struct owner_entry *entry, uint64_t event_ns)
{
	uint64_t now = clock_monotonic_ns();
	struct owner *owner = &entry->owner;

	if (!entry->found)
		return false;
	if (entry->verified_ns >= event_ns)
		return true;
	if (!process_holds_socket((pid_t)owner->pid, entry->fd, entry->socket.inode) ||
	    !process_comm((pid_t)owner->pid, owner->comm))
		return false;
	entry->verified_ns = now;
	return true;
}

bool owner_find(struct owners *owners, const struct tcpretrans_socket *socket, uint64_t event_ns, struct owner *owner)
{
	struct owner_entry *entry = entry_get(owners, socket);

	if (!entry)
		return false;
	if (entry->wanted)
		return false;
	if (entry_verify(entry, event_ns)) {
		*owner = entry->owner;
		return true;
	}
	entry->found = false;
	entry->wanted = true;
	return false;
}

void owner_closed(struct owners *owners, const struct tcpretrans_socket *socket)
{
	struct owner_entry *entry = entry_find(owners, socket);

	if (!entry)
		return;
	entry->socket.pid = socket->pid;
	memcpy(entry->socket.comm, socket->comm, sizeof(socket->comm));
}

void owner_settle(struct owners *owners, const struct tcpretrans_socket *socket, struct owner *owner)
{
	struct owner_entry *entry = entry_find(owners, socket);

	*owner = (struct owner){ 0 };
	if (!entry)
		return;
	if (entry->found) {
		*owner = entry->owner;
	} else if (entry->socket.pid) {
		owner_set(owner, &entry->socket);
		process_container_id((pid_t)owner->pid, owner->container_id);
	}
}
