/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups and network namespaces as users name them (paths, inode numbers) and as the kernel does (ids).
 */
#ifndef OTB_KERNEL_OBJECT_H
#define OTB_KERNEL_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The id of a cgroup v2 directory: its inode number. Reports what is wrong and returns false where `path` is none. */
bool cgroup_id_from_path(const char *path, uint64_t *id);

/* The directory of a cgroup id below the mount point of cgroup2 ("/system.slice/x.service"). False where there is none
 * any more, or without CAP_DAC_READ_SEARCH. */
bool cgroup_path_from_id(uint64_t id, char *path, size_t size);

/* The inode number of a network namespace, given as that number or as a path (/proc/PID/ns/net, /run/netns/NAME).
 * Reports what is wrong and returns false where there is no such namespace. */
bool netns_inode_from_text(const char *text, uint64_t *inode);

#endif
