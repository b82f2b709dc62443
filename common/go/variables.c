/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/variables.h"

#include <gelf.h>
#include <string.h>

#include "common/go/code.h"

/* ---- instructions that read and write variables ---- */

enum access_kind { ACCESS_NONE, ACCESS_LOAD, ACCESS_SUBTRACT, ACCESS_STORE };

struct access {
	enum access_kind kind;
	uint64_t address, size;
	unsigned int reg; /* loaded into, subtracted from, or stored */
};

/* A walk that knows which u32 variables are read and written, where the code itself tells their addresses. */
struct access_walk {
	struct code_walk code;
	unsigned int base; /* arm64: the register that an address is being put together in, 0 for none */
	uint64_t base_address;
};

/* mov or sub ADDRESS(%rip), %reg; mov %reg, ADDRESS(%rip) */
static struct access access_amd64(const cs_insn *instruction)
{
	const cs_x86_op *to = &instruction->detail->x86.operands[0], *from = &instruction->detail->x86.operands[1];
	const cs_x86_op *memory = to->type == X86_OP_MEM ? to : from, *other = memory == to ? from : to;
	bool is_mov = instruction->id == X86_INS_MOV;
	struct access access = { ACCESS_NONE, 0, memory->size, other->reg };

	if (memory->type != X86_OP_MEM || memory->mem.base != X86_REG_RIP || memory->size != 4 ||
	    other->type != X86_OP_REG)
		return access;
	access.address = instruction->address + instruction->size + (uint64_t)memory->mem.disp;
	if (memory == from && instruction->id == X86_INS_SUB)
		access.kind = ACCESS_SUBTRACT;
	else if (is_mov)
		access.kind = memory == from ? ACCESS_LOAD : ACCESS_STORE;
	return access;
}

/* w1 is the lower half of x1. */
static unsigned int whole_register(unsigned int reg)
{
	return reg >= ARM64_REG_W0 && reg <= ARM64_REG_W28 ? ARM64_REG_X0 + (reg - ARM64_REG_W0) : reg;
}

static bool is_half(const cs_arm64_op *operand)
{
	return operand->type == ARM64_OP_REG && whole_register(operand->reg) != (unsigned int)operand->reg;
}

/* ldr, ldar, ldrsw or str of a register, stp of two. */
static struct access access_arm64(const cs_insn *instruction, unsigned int base, uint64_t base_address)
{
	const cs_arm64 *arm64 = &instruction->detail->arm64;
	const char *name = instruction->mnemonic;
	const cs_arm64_op *to = &arm64->operands[0];
	bool is_pair = !strcmp(name, "stp");
	const cs_arm64_op *memory = &arm64->operands[is_pair ? 2 : 1];
	struct access access = { ACCESS_NONE, 0, is_pair ? 8 : 4, 0 };

	if (to->type != ARM64_OP_REG || memory->type != ARM64_OP_MEM || memory->mem.base != base ||
	    memory->mem.index != ARM64_REG_INVALID || arm64->writeback)
		return access;
	access.address = base_address + (uint64_t)memory->mem.disp;
	access.reg = whole_register(to->reg);
	if (is_half(to) && (is_pair || !strcmp(name, "str")))
		access.kind = ACCESS_STORE;
	else if (!strcmp(name, "ldrsw") || (is_half(to) && (!strcmp(name, "ldr") || !strcmp(name, "ldar"))))
		access.kind = ACCESS_LOAD;
	return access;
}

/* An address comes in pieces, one right behind the other: adrp base, PAGE; add base, base, #LOW; [base, #LOWER]. */
static struct access step_arm64(struct access_walk *walk, const cs_insn *instruction)
{
	const cs_arm64_op *operands = instruction->detail->arm64.operands;
	unsigned int base = walk->base;

	walk->base = 0;
	if (!strcmp(instruction->mnemonic, "adrp") && operands[1].type == ARM64_OP_IMM) {
		walk->base = operands[0].reg;
		walk->base_address = (uint64_t)operands[1].imm;
	} else if (base && !strcmp(instruction->mnemonic, "add") && operands[0].reg == base &&
		   operands[1].type == ARM64_OP_REG && operands[1].reg == base && operands[2].type == ARM64_OP_IMM &&
		   !operands[2].shift.value) {
		walk->base = base;
		walk->base_address += (uint64_t)operands[2].imm;
	} else if (base) {
		return access_arm64(instruction, base, walk->base_address);
	}
	return (struct access){ 0 };
}

/* The next instruction that is no nop, and what it accesses; NULL at the end. */
static const cs_insn *next_access(struct access_walk *walk, struct access *access)
{
	const struct code *code = walk->code.code;
	const cs_insn *instruction;

	do
		instruction = code_next(&walk->code);
	while (instruction && code_is_nop(code, instruction));
	if (instruction)
		*access = code->machine == IMAGE_AMD64 ? access_amd64(instruction) : step_arm64(walk, instruction);
	return instruction;
}

/* ---- the comparison int32(t.n - work.cycles) > 0 ---- */

/* How far apart the compiler has put its parts, at most. */
enum { EXPRESSION_LENGTH_MAX = 6 };

/* How far it has come. Registers are 0 for none. */
struct comparison {
	uint64_t address;        /* of what was loaded */
	unsigned int loaded;     /* the register it was loaded into */
	unsigned int difference; /* the one that it was subtracted from */
	bool is_tested;
	unsigned int length;
};

/* Goes on with one instruction; true at the end. */
static bool compare_amd64(struct comparison *comparison, const cs_insn *instruction)
{
	const cs_x86_op *to = &instruction->detail->x86.operands[0], *from = &instruction->detail->x86.operands[1];

	if (instruction->id == X86_INS_SUB && to->type == X86_OP_REG && from->type == X86_OP_REG &&
	    from->reg == comparison->loaded)
		comparison->difference = to->reg;
	else if (instruction->id == X86_INS_TEST && to->type == X86_OP_REG && from->type == X86_OP_REG)
		comparison->is_tested = to->reg == from->reg && to->reg == comparison->difference;
	else
		return instruction->id == X86_INS_SETG && comparison->is_tested;
	return false;
}

static bool is_arm64_zero(const cs_arm64_op *operand)
{
	return (operand->type == ARM64_OP_IMM && operand->imm == 0) ||
	       (operand->type == ARM64_OP_REG && (operand->reg == ARM64_REG_WZR || operand->reg == ARM64_REG_XZR));
}

static bool compare_arm64(struct comparison *comparison, const cs_insn *instruction)
{
	const cs_arm64 *arm64 = &instruction->detail->arm64;
	const cs_arm64_op *operands = arm64->operands;

	if (!strcmp(instruction->mnemonic, "sub") && operands[2].type == ARM64_OP_REG &&
	    whole_register(operands[2].reg) == comparison->loaded)
		comparison->difference = whole_register(operands[0].reg);
	else if (!strcmp(instruction->mnemonic, "cmp") && operands[0].type == ARM64_OP_REG)
		comparison->is_tested = comparison->difference &&
					whole_register(operands[0].reg) == comparison->difference &&
					operands[0].reg != comparison->difference && is_arm64_zero(&operands[1]);
	else
		return !strcmp(instruction->mnemonic, "cset") && arm64->cc == ARM64_CC_GT && comparison->is_tested;
	return false;
}

/* The same for both machines, with what the instruction accesses. */
static bool compare(struct comparison *comparison, const struct code *code, const cs_insn *instruction,
		    const struct access *access)
{
	if (access->kind == ACCESS_LOAD || access->kind == ACCESS_SUBTRACT) {
		*comparison = (struct comparison){ .address = access->address };
		if (access->kind == ACCESS_LOAD)
			comparison->loaded = access->reg;
		else
			comparison->difference = access->reg;
		return false;
	}
	if ((!comparison->loaded && !comparison->difference) || comparison->length++ == EXPRESSION_LENGTH_MAX) {
		*comparison = (struct comparison){ 0 };
		return false;
	}
	return code->machine == IMAGE_AMD64 ? compare_amd64(comparison, instruction)
					    : compare_arm64(comparison, instruction);
}

/* Finds the u32 that a function compares so. False unless there is one, and only one, however often it is compared. */
static bool find_compared(const struct code *code, uint64_t *found)
{
	struct comparison comparison = { 0 };
	struct access_walk walk = { 0 };
	const cs_insn *instruction;
	struct access access;
	unsigned int n = 0;

	*found = 0;
	if (!code_walk_begin(&walk.code, code))
		return false;
	while ((instruction = next_access(&walk, &access))) {
		if (!compare(&comparison, code, instruction, &access))
			continue;
		n += !n || comparison.address != *found;
		*found = comparison.address;
	}
	n = code_is_done(&walk.code) ? n : 0;
	code_walk_end(&walk.code);
	return n == 1;
}

/* Whether a function sets a u32. */
static bool sets_variable(const struct code *code, uint64_t address)
{
	struct access_walk walk = { 0 };
	struct access access;
	bool found = false;

	if (!code_walk_begin(&walk.code, code))
		return false;
	while (!found && next_access(&walk, &access))
		found = access.kind == ACCESS_STORE && address - access.address < access.size;
	code_walk_end(&walk.code);
	return found;
}

bool variables_find_cycles(const struct code *trigger_test, const struct code *start, uint64_t *address)
{
	uint64_t found;

	/* work.stwprocs and work.maxprocs lie behind it, and gcStart sets them, in every release. */
	if (!find_compared(trigger_test, &found) || !sets_variable(start, found + 4) ||
	    !sets_variable(start, found + 8))
		return false;
	*address = found;
	return true;
}

/* ---- wroteHeader = true; status = code ---- */

static const int64_t STATUS_MAX = 4096;

/* How far it has come. Registers are 0 for none. */
struct mark {
	unsigned int one;  /* arm64: the whole register that holds the 1 that is to be stored */
	unsigned int base; /* points to the struct in which a byte was set to 1 */
};

/* movb $1, OFFSET(base); mov %reg, OFFSET(base) */
static bool mark_amd64(struct mark *mark, const cs_insn *instruction, int64_t *offset)
{
	const cs_x86_op *to = &instruction->detail->x86.operands[0], *from = &instruction->detail->x86.operands[1];
	unsigned int base = mark->base;

	mark->base = 0;
	if (instruction->id != X86_INS_MOV || to->type != X86_OP_MEM || to->mem.index != X86_REG_INVALID ||
	    to->mem.segment != X86_REG_INVALID || to->mem.base == X86_REG_RSP || to->mem.base == X86_REG_RIP)
		return false;
	*offset = to->mem.disp;
	if (to->size == 1 && from->type == X86_OP_IMM && from->imm == 1)
		mark->base = to->mem.base;
	return base && to->mem.base == base && to->size == 8 && from->type == X86_OP_REG;
}

/* mov w, #1; strb w, [base, #OFFSET]; str x, [base, #OFFSET] */
static bool mark_arm64(struct mark *mark, const cs_insn *instruction, int64_t *offset)
{
	const cs_arm64 *arm64 = &instruction->detail->arm64;
	const cs_arm64_op *to = &arm64->operands[0], *from = &arm64->operands[1];
	struct mark before = *mark;

	*mark = (struct mark){ 0 };
	if (code_sets_arm64_constant(instruction, 1))
		mark->one = whole_register(to->reg);
	if (to->type != ARM64_OP_REG || from->type != ARM64_OP_MEM || from->mem.index != ARM64_REG_INVALID ||
	    from->mem.base == ARM64_REG_SP || arm64->writeback)
		return false;
	*offset = from->mem.disp;
	if (!strcmp(instruction->mnemonic, "strb") && whole_register(to->reg) == before.one)
		mark->base = from->mem.base;
	return before.base && from->mem.base == before.base && !strcmp(instruction->mnemonic, "str") &&
	       to->reg >= ARM64_REG_X0 && to->reg <= ARM64_REG_X28;
}

bool variables_find_status(const struct code *write_header, int32_t *offset)
{
	struct mark mark = { 0 };
	const cs_insn *instruction;
	struct code_walk walk;
	unsigned int n = 0;
	int64_t at, status = 0;

	if (!code_walk_begin(&walk, write_header))
		return false;
	while ((instruction = code_next(&walk))) {
		if (code_is_nop(write_header, instruction))
			continue;
		if (write_header->machine == IMAGE_AMD64 ? mark_amd64(&mark, instruction, &at)
							 : mark_arm64(&mark, instruction, &at)) {
			status = at;
			n++;
		}
	}
	n = code_is_done(&walk) ? n : 0;
	code_walk_end(&walk);
	if (n != 1 || status < 0 || status > STATUS_MAX)
		return false;
	*offset = (int32_t)status;
	return true;
}

/* ---- in a file ---- */

static bool is_writable(const struct image *image, uint64_t address)
{
	GElf_Phdr header;

	for (int i = 0; gelf_getphdr(image->elf, i, &header); i++)
		if (header.p_type == PT_LOAD && header.p_flags & PF_W && address >= header.p_vaddr &&
		    address - header.p_vaddr < header.p_memsz)
			return true;
	return false;
}

static bool decode_cycles(const struct go_binary *binary, uint64_t *address)
{
	enum { TRIGGER_TEST, START, FUNCTIONS };
	struct go_function functions[FUNCTIONS] = {
		[TRIGGER_TEST] = { .name = "runtime.gcTrigger.test" },
		[START] = { .name = "runtime.gcStart" },
	};
	struct code trigger_test, start;
	bool found;

	go_functions_find(binary, functions, FUNCTIONS);
	if (!functions[TRIGGER_TEST].address)
		functions[TRIGGER_TEST] = functions[START];
	if (!code_load(&trigger_test, binary, &functions[TRIGGER_TEST]))
		return false;
	found = code_load(&start, binary, &functions[START]);
	if (found) {
		found = variables_find_cycles(&trigger_test, &start, address);
		code_unload(&start);
	}
	code_unload(&trigger_test);
	return found;
}

bool go_work_cycles_address(const struct go_binary *binary, const struct go_layout *layout, uint64_t *address)
{
	int32_t offset = layout->offsets[GO_WORK_CYCLES];

	if (!decode_cycles(binary, address)) {
		/* The table's offset is amd64's, and a guess is none. */
		if (offset == GO_OFFSET_NONE || layout->source == GO_LAYOUT_GUESS ||
		    (layout->source == GO_LAYOUT_TABLE && binary->image.machine != IMAGE_AMD64) ||
		    !image_symbol(&binary->image, "runtime.work", address))
			return false;
		*address += (uint64_t)offset;
	}
	return is_writable(&binary->image, *address);
}

bool go_response_status_offset(const struct go_binary *binary, int32_t *offset)
{
	struct go_function function = { .name = "net/http.(*response).WriteHeader" };
	struct code code;
	bool found;

	go_functions_find(binary, &function, 1);
	if (!code_load(&code, binary, &function))
		return false;
	found = variables_find_status(&code, offset);
	code_unload(&code);
	return found;
}
