/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/code.h"

#include <stdlib.h>
#include <string.h>

bool code_load(struct code *code, const struct go_binary *binary, const struct go_function *function)
{
	*code = (struct code){ .address = function->address, .machine = binary->image.machine };
	if (!function->address || !function->size || function->size > CODE_SIZE_MAX ||
	    function->size > binary->image.size)
		return false;
	code->size = function->size;
	code->bytes = malloc(code->size);
	if (code->bytes && image_read(&binary->image, code->address, code->bytes, code->size))
		return true;
	code_unload(code);
	return false;
}

void code_unload(struct code *code)
{
	free(code->bytes);
	code->bytes = NULL;
}

bool code_walk_begin(struct code_walk *walk, const struct code *code)
{
	bool is_amd64 = code->machine == IMAGE_AMD64;

	*walk = (struct code_walk){ .code = code };
	if (cs_open(is_amd64 ? CS_ARCH_X86 : CS_ARCH_ARM64, is_amd64 ? CS_MODE_64 : CS_MODE_LITTLE_ENDIAN,
		    &walk->capstone) != CS_ERR_OK)
		return false;
	if (cs_option(walk->capstone, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK)
		walk->instruction = cs_malloc(walk->capstone);
	if (walk->instruction)
		return true;
	cs_close(&walk->capstone);
	return false;
}

void code_walk_end(struct code_walk *walk)
{
	cs_free(walk->instruction, 1);
	cs_close(&walk->capstone);
}

bool code_is_done(const struct code_walk *walk)
{
	static const uint8_t int3 = 0xcc; /* what fills up on amd64; on arm64 it is zeros */

	for (size_t i = walk->done; i < walk->code->size; i++)
		if (walk->code->bytes[i] && walk->code->bytes[i] != int3)
			return false;
	return true;
}

enum { ARM64_WORD = 4 };

/* Of what capstone does not know on arm64 (4.0: the atomics of ARMv8.1) the end is known all the same. */
static void set_unknown(cs_insn *instruction, uint64_t address)
{
	instruction->id = 0;
	instruction->address = address;
	instruction->size = ARM64_WORD;
	instruction->mnemonic[0] = '\0';
	memset(instruction->detail, 0, sizeof(*instruction->detail));
}

const cs_insn *code_next(struct code_walk *walk)
{
	const uint8_t *bytes = walk->code->bytes + walk->done;
	size_t left = walk->code->size - walk->done;
	uint64_t address = walk->code->address + walk->done;

	if (cs_disasm_iter(walk->capstone, &bytes, &left, &address, walk->instruction)) {
		walk->done = walk->code->size - left;
		return walk->instruction;
	}
	if (walk->code->machine != IMAGE_ARM64 || left < ARM64_WORD || code_is_done(walk))
		return NULL;
	set_unknown(walk->instruction, address);
	walk->done += ARM64_WORD;
	return walk->instruction;
}

/* Of arm64 the mnemonics, of which capstone 5 has numbers where 4 has none, are the same in both. */
static bool is_one_of(const cs_insn *instruction, const char *const *mnemonics)
{
	while (*mnemonics && strcmp(instruction->mnemonic, *mnemonics) != 0)
		mnemonics++;
	return *mnemonics;
}

bool code_is_nop(const struct code *code, const cs_insn *instruction)
{
	static const char *const arm64[] = { "nop", "hint", "bti", NULL };

	if (code->machine == IMAGE_AMD64)
		return instruction->id == X86_INS_NOP || instruction->id == X86_INS_ENDBR64;
	return is_one_of(instruction, arm64);
}

bool code_is_return(const struct code *code, const cs_insn *instruction)
{
	return code->machine == IMAGE_AMD64 ? instruction->id == X86_INS_RET : !strcmp(instruction->mnemonic, "ret");
}

static bool is_amd64_jump(const cs_insn *instruction, uint64_t *target)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	bool is_jump = false;

	for (unsigned int i = 0; i < instruction->detail->groups_count; i++)
		is_jump |= instruction->detail->groups[i] == CS_GRP_JUMP;
	if (!is_jump || x86->op_count != 1 || x86->operands[0].type != X86_OP_IMM)
		return false;
	*target = (uint64_t)x86->operands[0].imm;
	return true;
}

static bool is_arm64_branch(const cs_insn *instruction)
{
	return !strncmp(instruction->mnemonic, "b.", 2);
}

static bool is_arm64_jump(const cs_insn *instruction, uint64_t *target)
{
	static const char *const others[] = { "b", "cbz", "cbnz", "tbz", "tbnz", NULL };
	const cs_arm64 *arm64 = &instruction->detail->arm64;

	if ((!is_arm64_branch(instruction) && !is_one_of(instruction, others)) || !arm64->op_count ||
	    arm64->operands[arm64->op_count - 1].type != ARM64_OP_IMM)
		return false;
	*target = (uint64_t)arm64->operands[arm64->op_count - 1].imm;
	return true;
}

bool code_is_jump(const struct code *code, const cs_insn *instruction, uint64_t *target)
{
	return code->machine == IMAGE_AMD64 ? is_amd64_jump(instruction, target) : is_arm64_jump(instruction, target);
}

bool code_is_call(const struct code *code, const cs_insn *instruction, uint64_t *target)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	const cs_arm64 *arm64 = &instruction->detail->arm64;

	if (code->machine == IMAGE_AMD64) {
		if (instruction->id != X86_INS_CALL || x86->operands[0].type != X86_OP_IMM)
			return false;
		*target = (uint64_t)x86->operands[0].imm;
		return true;
	}
	if (strcmp(instruction->mnemonic, "bl") || !arm64->op_count || arm64->operands[0].type != ARM64_OP_IMM)
		return false;
	*target = (uint64_t)arm64->operands[0].imm;
	return true;
}

bool code_is_branch(const struct code *code, const cs_insn *instruction)
{
	const uint8_t *opcode = instruction->detail->x86.opcode;

	if (code->machine == IMAGE_ARM64)
		return is_arm64_branch(instruction);
	return (opcode[0] & 0xf0) == 0x70 || (opcode[0] == 0x0f && (opcode[1] & 0xf0) == 0x80);
}

bool code_is_arm64_move(const cs_insn *instruction)
{
	static const char *const names[] = { "mov", "movz", "orr", NULL };

	return is_one_of(instruction, names);
}

bool code_is_arm64_immediate(const cs_arm64_op *operand, int64_t value)
{
	unsigned int shift = operand->shift.type == ARM64_SFT_LSL ? operand->shift.value & 63 : 0;

	return operand->type == ARM64_OP_IMM && (int64_t)((uint64_t)operand->imm << shift) == value;
}

bool code_sets_arm64_constant(const cs_insn *instruction, int64_t value)
{
	const cs_arm64 *arm64 = &instruction->detail->arm64;
	const cs_arm64_op *from = &arm64->operands[1];
	bool is_zero = from->type == ARM64_OP_REG && (from->reg == ARM64_REG_XZR || from->reg == ARM64_REG_WZR);

	/* With capstone 4, orr x0, xzr, #1 has three operands. */
	if (arm64->op_count == 3 && is_zero)
		from++;
	return code_is_arm64_move(instruction) && arm64->operands[0].type == ARM64_OP_REG &&
	       code_is_arm64_immediate(from, value);
}
