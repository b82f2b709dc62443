/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a Go function a probe goes, so that it counts exactly and costs little.
 *
 * A Go function begins with a stack check. Its first instruction runs again after every growth of the stack and after
 * a cooperative preemption, so a probe there counts twice; and the kernel single-steps it. The kernel emulates a push
 * of a register and conditional jumps. So the site is, in this order:
 *
 *	SITE_PUSH     amd64, Go >= 1.21: the push %rbp behind the stack check
 *	SITE_BRANCH   the conditional jump of the stack check (amd64 jbe, arm64 b.ls). It is reached before the stack
 *	              grows, too: a program has to pass over a hit for which the jump is taken (CF or ZF set; on arm64
 *	              C clear or Z set)
 *	SITE_ENTRY    the first instruction of a function that has no stack check: it runs once
 *
 * A fourth, SITE_INSIDE, is in the middle of a function: see site_of_comparison() and site_of_new_goroutine().
 *
 * Arguments are still in their registers at every site. A site is decoded from the code of each file (capstone): it
 * moves between patch releases.
 */
#ifndef OTB_GO_SITE_H
#define OTB_GO_SITE_H

#include "common/go/binary.h"

enum site_kind { SITE_PUSH, SITE_BRANCH, SITE_ENTRY, SITE_INSIDE };

struct site {
	uint64_t address;
	enum site_kind kind;
};

enum { SITE_RETURNS_MAX = 32 };

/* The site for the entry of a function. False where the code is not understood: no probe then. */
bool site_of_entry(const struct go_binary *binary, const struct go_function *function, struct site *site);

/* The conditional jump of the stack check (SITE_BRANCH), wherever the site of the entry is. It is hit again after the
 * stack has grown, and a function that has grown it has lost the registers of the arguments it does not use: for a
 * program to which a second hit is nothing. */
bool site_of_branch(const struct go_binary *binary, const struct go_function *function, struct site *site);

/* amd64: the first conditional jump of a function, where it is passed once in every call and the arguments are still in
 * their registers: for a function without a stack check that does not begin with a push, whose first instruction would be
 * single-stepped. */
bool site_of_early_branch(const struct go_binary *binary, const struct go_function *function, struct site *site);

/* Every ret of a function, as addresses; returns how many, 0 also where there are more than SITE_RETURNS_MAX or (amd64)
 * an instruction cannot be decoded. A probe on a ret is single-stepped: only for what happens rarely. */
size_t site_of_returns(const struct go_binary *binary, const struct go_function *function,
		       uint64_t addresses[SITE_RETURNS_MAX]);

/* The conditional jump right behind a comparison of a register or memory with the constant `value`: a cheap place in
 * the middle of a function, reached whichever way the jump goes, so that every hit counts. False unless there is
 * exactly one. */
bool site_of_comparison(const struct go_binary *binary, const struct go_function *function, int64_t value,
			struct site *site);

/* The call of the function at `callee`, which stands in the instruction: a cheap place, and its arguments are where every
 * function has them. False unless there is exactly one. */
bool site_of_call(const struct go_binary *binary, const struct go_function *function, uint64_t callee,
		  struct site *site);

/* The place in runtime.newproc1 where a goroutine has been made: the conditional jump right behind the comparison of
 * its g.stack.hi with 0 (runtime/proc.go: "newg missing stack"). *reg is the register that points to its g there, as
 * the number of the argument that Go's ABI passes in it: 0 for AX or x0, where it is in Go 1.17 to 1.27. Its goid is not
 * set yet. False unless there is exactly one such place. */
bool site_of_new_goroutine(const struct go_binary *binary, const struct go_function *function, struct site *site,
			   unsigned int *reg);

/* The place in net/http.(*ServeMux).handler (to Go 1.21; then of serveMux121), which returns (h Handler, pattern string),
 * where both are known: the conditional jump right behind the last comparison of h with nil. Since the function defers a
 * call, its results are on the stack. *pattern is the string's offset from the stack pointer, as the loads in front of
 * the rets have it. False where that is not all there, and on arm64, where it has not been looked at. */
bool site_of_pattern(const struct go_binary *binary, const struct go_function *function, struct site *site,
		     int32_t *pattern);

/* The same for code that is in memory. */
struct code;
bool site_find_entry(const struct code *code, struct site *site);
bool site_find_branch(const struct code *code, struct site *site);
bool site_find_early_branch(const struct code *code, struct site *site);
size_t site_find_returns(const struct code *code, uint64_t addresses[SITE_RETURNS_MAX]);
bool site_find_comparison(const struct code *code, int64_t value, struct site *site);
bool site_find_call(const struct code *code, uint64_t callee, struct site *site);
bool site_find_new_goroutine(const struct code *code, struct site *site, unsigned int *reg);
bool site_find_pattern(const struct code *code, struct site *site, int32_t *pattern);

#endif
