/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine code of one Go function, decoded instruction by instruction (capstone). It is as untrusted as the file it
 * comes from: whatever its bytes are, decoding ends, and reads nothing beyond them.
 */
#ifndef OTB_GO_CODE_H
#define OTB_GO_CODE_H

#include <capstone/capstone.h>

#include "common/go/binary.h"

/* Larger functions are not read; the runtime's largest has some 20 kB. */
enum { CODE_SIZE_MAX = 1 << 20 };

struct code {
	uint8_t *bytes;
	size_t size;
	uint64_t address;
	enum image_machine machine;
};

/* Reads a function's code, with the padding behind it; false where the file does not hold all of it, or it is larger
 * than CODE_SIZE_MAX. After true, code_unload() is due. */
bool code_load(struct code *code, const struct go_binary *binary, const struct go_function *function);
void code_unload(struct code *code);

/* A walk over a function from its first instruction to its last. */
struct code_walk {
	const struct code *code;
	size_t done; /* bytes that are decoded */
	csh capstone;
	cs_insn *instruction;
};

/* False where there is no memory. After true, code_walk_end() is due. */
bool code_walk_begin(struct code_walk *walk, const struct code *code);
void code_walk_end(struct code_walk *walk);

/* The next instruction, valid until the next call, with capstone's details; NULL at the end. One that capstone does not
 * know ends the walk on amd64. On arm64, where all have one size, it comes with the id 0, no mnemonic and no operands:
 * capstone 4.0 does not know the atomics of ARMv8.1, which Go has used there since 1.17. */
const cs_insn *code_next(struct code_walk *walk);

/* Whether NULL was the end: nothing is left but padding. */
bool code_is_done(const struct code_walk *walk);

/* ---- what is asked about instructions of both machines ---- */

/* It does nothing: nop, endbr64, bti. */
bool code_is_nop(const struct code *code, const cs_insn *instruction);

bool code_is_return(const struct code *code, const cs_insn *instruction);

/* A jump, conditional or not, to an address that stands in it; no call. */
bool code_is_jump(const struct code *code, const cs_insn *instruction, uint64_t *target);

/* A call of an address that stands in it. */
bool code_is_call(const struct code *code, const cs_insn *instruction, uint64_t *target);

/* A jump that depends on the flags. */
bool code_is_branch(const struct code *code, const cs_insn *instruction);

/* ---- and about arm64's ---- */

/* A constant or another register is put into a register. "mov" has several encodings, and capstone 4 and 5 do not agree
 * on which to call so. */
bool code_is_arm64_move(const cs_insn *instruction);

/* This constant is put into a register, the first operand. */
bool code_sets_arm64_constant(const cs_insn *instruction, int64_t value);

bool code_is_arm64_immediate(const cs_arm64_op *operand, int64_t value);

#endif
