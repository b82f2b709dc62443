/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/site.h"

#include <string.h>

#include "common/go/code.h"

/* ---- the stack check ---- */

/* g.stackguard0 and, for code on the system stack, g.stackguard1: the first words behind g.stack, in every release. */
enum { STACKGUARD0 = 16, STACKGUARD1 = 24 };

/* The longest stack check (arm64, a frame beyond 64 kB) has seven instructions. */
enum { CHECK_LENGTH_MAX = 12 };

/* How far a stack check has come. Registers are capstone's numbers, 0 for none. */
struct check {
	unsigned int lowest; /* holds the stack pointer less the frame */
	unsigned int guard;  /* holds the stackguard (arm64) */
	bool is_compared;
};

enum step { STEP_IN_CHECK, STEP_AT_BRANCH, STEP_ELSEWHERE };

static bool is_stackguard(int64_t displacement)
{
	return displacement == STACKGUARD0 || displacement == STACKGUARD1;
}

static bool is_amd64_register(const cs_x86_op *operand, unsigned int name)
{
	return operand->type == X86_OP_REG && operand->reg == name;
}

static bool is_amd64_stackguard(const cs_x86_op *operand)
{
	return operand->type == X86_OP_MEM && operand->mem.base == X86_REG_R14 &&
	       operand->mem.index == X86_REG_INVALID && is_stackguard(operand->mem.disp);
}

static enum step step_amd64(struct check *check, const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];
	bool is_r12 = is_amd64_register(to, X86_REG_R12);

	switch (instruction->id) {
	case X86_INS_LEA: /* -frame(%rsp), %r12 */
		if (!is_r12 || from->mem.base != X86_REG_RSP || from->mem.index != X86_REG_INVALID)
			return STEP_ELSEWHERE;
		check->lowest = X86_REG_R12;
		return STEP_IN_CHECK;
	case X86_INS_MOV: /* %rsp, %r12; then the frame is subtracted, and a borrow means that the stack is too small */
		if (!is_r12 || !is_amd64_register(from, X86_REG_RSP))
			return STEP_ELSEWHERE;
		check->lowest = X86_REG_R12;
		return STEP_IN_CHECK;
	case X86_INS_SUB:
		return is_r12 && check->lowest && from->type == X86_OP_IMM ? STEP_IN_CHECK : STEP_ELSEWHERE;
	case X86_INS_JB:
		return check->lowest && !check->is_compared ? STEP_IN_CHECK : STEP_ELSEWHERE;
	case X86_INS_CMP: /* stackguard(%r14), %rsp or %r12 */
		check->is_compared =
			is_amd64_register(to, check->lowest ? check->lowest : X86_REG_RSP) && is_amd64_stackguard(from);
		return check->is_compared ? STEP_IN_CHECK : STEP_ELSEWHERE;
	case X86_INS_JBE:
		return check->is_compared ? STEP_AT_BRANCH : STEP_ELSEWHERE;
	default:
		return STEP_ELSEWHERE;
	}
}

static bool is_arm64_register(const cs_arm64_op *operand, unsigned int name)
{
	return operand->type == ARM64_OP_REG && operand->reg == name;
}

static bool is_arm64_stackguard(const cs_arm64_op *operand)
{
	return operand->type == ARM64_OP_MEM && operand->mem.base == ARM64_REG_X28 &&
	       operand->mem.index == ARM64_REG_INVALID && is_stackguard(operand->mem.disp);
}

static enum step step_arm64(struct check *check, const cs_insn *instruction)
{
	const cs_arm64 *arm64 = &instruction->detail->arm64;
	const cs_arm64_op *to = &arm64->operands[0], *from = &arm64->operands[1];
	const char *name = instruction->mnemonic;

	if (!strcmp(name, "ldr")) { /* guard, [x28, #stackguard] */
		if (to->type != ARM64_OP_REG || !is_arm64_stackguard(from) || arm64->writeback)
			return STEP_ELSEWHERE;
		check->guard = to->reg;
		return STEP_IN_CHECK;
	}
	/* A large frame's size comes into x27 first, in one or two pieces. */
	if ((code_is_arm64_move(instruction) || !strcmp(name, "movk")) && is_arm64_register(to, ARM64_REG_X27))
		return STEP_IN_CHECK;
	if (!strcmp(name, "mov") || !strcmp(name, "sub") || !strcmp(name, "subs")) { /* lowest, sp, #frame or x27 */
		if (to->type != ARM64_OP_REG || !is_arm64_register(from, ARM64_REG_SP))
			return STEP_ELSEWHERE;
		check->lowest = to->reg;
		return STEP_IN_CHECK;
	}
	if (!strcmp(name, "cmp")) { /* lowest or sp, guard */
		check->is_compared = check->guard && is_arm64_register(from, check->guard) &&
				     is_arm64_register(to, check->lowest ? check->lowest : ARM64_REG_SP);
		return check->is_compared ? STEP_IN_CHECK : STEP_ELSEWHERE;
	}
	if (!strcmp(name, "b.lo") && check->lowest && !check->is_compared)
		return STEP_IN_CHECK;
	return !strcmp(name, "b.ls") && check->is_compared ? STEP_AT_BRANCH : STEP_ELSEWHERE;
}

/* The call of runtime.morestack is at the function's end. */
static bool leads_forward(const struct code *code, const cs_insn *branch)
{
	uint64_t target;

	return code_is_jump(code, branch, &target) && target > branch->address && target - code->address < code->size;
}

static bool is_frame_push(const struct code *code, const cs_insn *instruction)
{
	return code->machine == IMAGE_AMD64 && instruction->id == X86_INS_PUSH &&
	       is_amd64_register(&instruction->detail->x86.operands[0], X86_REG_RBP);
}

/* Walks to the branch of the stack check a function begins with. */
static bool find_branch(struct code_walk *walk, struct check *check, struct site *site)
{
	const struct code *code = walk->code;
	enum step step = STEP_IN_CHECK;
	const cs_insn *instruction;

	for (unsigned int i = 0; i < CHECK_LENGTH_MAX && step == STEP_IN_CHECK; i++) {
		instruction = code_next(walk);
		if (!instruction)
			return false;
		if (code_is_nop(code, instruction))
			continue;
		step = code->machine == IMAGE_AMD64 ? step_amd64(check, instruction) : step_arm64(check, instruction);
	}
	if (step != STEP_AT_BRANCH || !leads_forward(code, walk->instruction))
		return false;
	*site = (struct site){ walk->instruction->address, SITE_BRANCH };
	return true;
}

/* And one instruction beyond it. */
static bool find_check(struct code_walk *walk, struct check *check, struct site *site)
{
	const cs_insn *instruction;

	if (!find_branch(walk, check, site))
		return false;
	instruction = code_next(walk);
	if (instruction && is_frame_push(walk->code, instruction))
		*site = (struct site){ instruction->address, SITE_PUSH };
	return true;
}

/* Whether nothing in a function jumps back to its first instruction, as loops do, and every stack check that has called
 * runtime.morestack. */
static bool runs_once(struct code_walk *walk)
{
	const cs_insn *instruction;
	uint64_t target;

	while ((instruction = code_next(walk)))
		if (code_is_jump(walk->code, instruction, &target) && target == walk->code->address)
			return false;
	return walk->done && code_is_done(walk);
}

bool site_find_entry(const struct code *code, struct site *site)
{
	struct check check = { 0 };
	struct code_walk walk;
	bool found;

	if (!code_walk_begin(&walk, code))
		return false;
	found = find_check(&walk, &check, site);
	/* Half a stack check is none that is understood. */
	if (!found && !check.is_compared) {
		walk.done = 0;
		*site = (struct site){ code->address, SITE_ENTRY };
		found = runs_once(&walk);
	}
	code_walk_end(&walk);
	return found;
}

/* ---- other places ---- */

bool site_find_branch(const struct code *code, struct site *site)
{
	struct check check = { 0 };
	struct code_walk walk;
	bool found;

	if (!code_walk_begin(&walk, code))
		return false;
	found = find_branch(&walk, &check, site);
	code_walk_end(&walk);
	return found;
}

/* Sets up a frame, stores an argument, compares: registers but those of the frame are as they were. */
static bool keeps_registers(const cs_insn *instruction)
{
	const cs_x86_op *to = &instruction->detail->x86.operands[0];

	switch (instruction->id) {
	case X86_INS_BT:
	case X86_INS_CMP:
	case X86_INS_TEST:
		return true;
	case X86_INS_SUB:
	case X86_INS_MOV:
	case X86_INS_LEA:
		return to->type == X86_OP_MEM || is_amd64_register(to, X86_REG_RSP) ||
		       is_amd64_register(to, X86_REG_RBP);
	default:
		return false;
	}
}

/* Whether nothing behind a walk jumps to `address` or before. */
static bool is_passed_once(struct code_walk *walk, uint64_t address)
{
	const cs_insn *instruction;
	uint64_t target;

	while ((instruction = code_next(walk)))
		if (code_is_jump(walk->code, instruction, &target) && target >= walk->code->address &&
		    target <= address)
			return false;
	return code_is_done(walk);
}

bool site_find_early_branch(const struct code *code, struct site *site)
{
	const cs_insn *instruction;
	struct code_walk walk;
	bool found;

	if (code->machine != IMAGE_AMD64 || !code_walk_begin(&walk, code))
		return false;
	do
		instruction = code_next(&walk);
	while (instruction && (code_is_nop(code, instruction) || keeps_registers(instruction)));
	found = instruction && code_is_branch(code, instruction);
	if (found) {
		*site = (struct site){ instruction->address, SITE_INSIDE };
		found = is_passed_once(&walk, site->address);
	}
	code_walk_end(&walk);
	return found;
}

size_t site_find_returns(const struct code *code, uint64_t addresses[SITE_RETURNS_MAX])
{
	const cs_insn *instruction;
	struct code_walk walk;
	size_t n = 0;

	if (!code_walk_begin(&walk, code))
		return 0;
	while ((instruction = code_next(&walk))) {
		if (!code_is_return(code, instruction))
			continue;
		if (n < SITE_RETURNS_MAX)
			addresses[n] = instruction->address;
		n++;
	}
	if (!code_is_done(&walk) || n > SITE_RETURNS_MAX)
		n = 0;
	code_walk_end(&walk);
	return n;
}

static bool is_amd64_constant(const cs_insn *instruction, int64_t value)
{
	const cs_x86 *x86 = &instruction->detail->x86;

	return instruction->id == X86_INS_CMP && x86->op_count == 2 && x86->operands[1].type == X86_OP_IMM &&
	       x86->operands[1].imm == value;
}

/* A constant of more than 12 bits is put into a register first, right before: *holder. */
static bool is_arm64_constant(const cs_insn *instruction, int64_t value, unsigned int *holder)
{
	const cs_arm64_op *operands = instruction->detail->arm64.operands;
	bool is_loaded = *holder && is_arm64_register(&operands[1], *holder);

	*holder = 0;
	if (code_sets_arm64_constant(instruction, value))
		*holder = operands[0].reg;
	return !strcmp(instruction->mnemonic, "cmp") && (is_loaded || code_is_arm64_immediate(&operands[1], value));
}

bool site_find_comparison(const struct code *code, int64_t value, struct site *site)
{
	bool is_compared = false;
	unsigned int n = 0, holder = 0;
	const cs_insn *instruction;
	struct code_walk walk;

	if (!code_walk_begin(&walk, code))
		return false;
	while ((instruction = code_next(&walk))) {
		if (code_is_nop(code, instruction))
			continue;
		if (is_compared && code_is_branch(code, instruction)) {
			*site = (struct site){ instruction->address, SITE_INSIDE };
			n++;
		}
		is_compared = code->machine == IMAGE_AMD64 ? is_amd64_constant(instruction, value)
							   : is_arm64_constant(instruction, value, &holder);
	}
	n = code_is_done(&walk) ? n : 0;
	code_walk_end(&walk);
	return n == 1;
}

bool site_find_call(const struct code *code, uint64_t callee, struct site *site)
{
	const cs_insn *instruction;
	struct code_walk walk;
	unsigned int n = 0;
	uint64_t target;

	if (!code_walk_begin(&walk, code))
		return false;
	while ((instruction = code_next(&walk))) {
		if (!code_is_call(code, instruction, &target) || target != callee)
			continue;
		*site = (struct site){ instruction->address, SITE_INSIDE };
		n++;
	}
	n = code_is_done(&walk) ? n : 0;
	code_walk_end(&walk);
	return n == 1;
}

/* ---- a new goroutine ---- */

/* The second word of g.stack, with which g begins, in every release. */
enum { STACK_HI = 8 };

/* How far the comparison of a g's stack.hi with 0 has come. Registers are capstone's numbers, 0 for none. */
struct stack_test {
	unsigned int g;
	unsigned int loaded; /* arm64: holds stack.hi, to be compared */
};

/* cmpq $0, STACK_HI(g); then je or jne */
static bool test_amd64(struct stack_test *test, const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	const cs_x86_op *to = &x86->operands[0], *from = &x86->operands[1];

	if (test->g && (instruction->id == X86_INS_JE || instruction->id == X86_INS_JNE))
		return true;
	test->g = 0;
	if (instruction->id == X86_INS_CMP && to->type == X86_OP_MEM && to->size == 8 && to->mem.disp == STACK_HI &&
	    to->mem.index == X86_REG_INVALID && to->mem.segment == X86_REG_INVALID && from->type == X86_OP_IMM &&
	    from->imm == 0)
		test->g = to->mem.base;
	return false;
}

/* ldr loaded, [g, #STACK_HI]; then cbz or cbnz loaded */
static bool test_arm64(struct stack_test *test, const cs_insn *instruction)
{
	const cs_arm64 *arm64 = &instruction->detail->arm64;
	const cs_arm64_op *to = &arm64->operands[0], *from = &arm64->operands[1];
	const char *name = instruction->mnemonic;

	if (test->g && (!strcmp(name, "cbz") || !strcmp(name, "cbnz")) && is_arm64_register(to, test->loaded))
		return true;
	*test = (struct stack_test){ 0 };
	if (!strcmp(name, "ldr") && to->type == ARM64_OP_REG && to->reg >= ARM64_REG_X0 && to->reg <= ARM64_REG_X28 &&
	    from->type == ARM64_OP_MEM && from->mem.disp == STACK_HI && from->mem.index == ARM64_REG_INVALID &&
	    from->mem.base != to->reg && !arm64->writeback)
		*test = (struct stack_test){ from->mem.base, to->reg };
	return false;
}

/* The number of the argument that Go's ABI passes in a register (src/cmd/compile/abi-internal.md). */
static bool find_argument(enum image_machine machine, unsigned int reg, unsigned int *argument)
{
	static const unsigned int amd64[] = {
		X86_REG_RAX, X86_REG_RBX, X86_REG_RCX, X86_REG_RDI, X86_REG_RSI,
		X86_REG_R8,  X86_REG_R9,  X86_REG_R10, X86_REG_R11,
	};

	*argument = reg - ARM64_REG_X0;
	if (machine == IMAGE_ARM64)
		return reg >= ARM64_REG_X0 && reg <= ARM64_REG_X15;
	for (*argument = 0; *argument < sizeof(amd64) / sizeof(amd64[0]); ++*argument)
		if (amd64[*argument] == reg)
			return true;
	return false;
}

bool site_find_new_goroutine(const struct code *code, struct site *site, unsigned int *reg)
{
	struct stack_test test = { 0 };
	const cs_insn *instruction;
	struct code_walk walk;
	unsigned int n = 0, g = 0;

	if (!code_walk_begin(&walk, code))
		return false;
	while ((instruction = code_next(&walk))) {
		if (code_is_nop(code, instruction))
			continue;
		if (code->machine == IMAGE_AMD64 ? test_amd64(&test, instruction) : test_arm64(&test, instruction)) {
			*site = (struct site){ instruction->address, SITE_INSIDE };
			g = test.g;
			n++;
			test = (struct stack_test){ 0 };
		}
	}
	n = code_is_done(&walk) ? n : 0;
	code_walk_end(&walk);
	return n == 1 && find_argument(code->machine, g, reg);
}

/* ---- a pattern ---- */

/* How far results on the stack have come, as offsets from the stack pointer. */
struct result_search {
	int64_t compared;        /* was compared with 0 by the last instruction; 0: none */
	int64_t handler;         /* what was compared at the place that was found last; 0: none yet */
	int64_t ax, cx, di;      /* what was loaded last */
	int64_t pattern;         /* as the rets have it; 0: there was none yet */
	unsigned int n_compared; /* how often `handler` was */
	bool is_wrong;
};

/* A word on the stack. */
static bool is_amd64_stack(const cs_x86_op *operand, int64_t *offset)
{
	*offset = operand->mem.disp;
	return operand->type == X86_OP_MEM && operand->size == 8 && operand->mem.base == X86_REG_RSP &&
	       operand->mem.index == X86_REG_INVALID;
}

static void note_load(struct result_search *search, const cs_x86 *x86)
{
	const cs_x86_op *to = &x86->operands[0];
	int64_t offset;

	if (!is_amd64_stack(&x86->operands[1], &offset))
		return;
	if (is_amd64_register(to, X86_REG_RAX))
		search->ax = offset;
	else if (is_amd64_register(to, X86_REG_RCX))
		search->cx = offset;
	else if (is_amd64_register(to, X86_REG_RDI))
		search->di = offset;
}

/* At a ret, AX is the first word of h, CX and DI the pattern. */
static void note_return(struct result_search *search)
{
	if (search->ax != search->handler || search->di != search->cx + 8 ||
	    (search->pattern && search->pattern != search->cx))
		search->is_wrong = true;
	search->pattern = search->cx;
}

/* cmpq $0, offset(%rsp); then jne */
static bool note_comparison(struct result_search *search, const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	int64_t compared = search->compared, offset;

	search->compared = 0;
	if (instruction->id == X86_INS_CMP && is_amd64_stack(&x86->operands[0], &offset) &&
	    x86->operands[1].type == X86_OP_IMM && x86->operands[1].imm == 0)
		search->compared = offset;
	if (!compared || (instruction->id != X86_INS_JNE && instruction->id != X86_INS_JE))
		return false;
	search->n_compared = compared == search->handler ? search->n_compared + 1 : 1;
	search->handler = compared;
	return true;
}

bool site_find_pattern(const struct code *code, struct site *site, int32_t *pattern)
{
	struct result_search search = { 0 };
	const cs_insn *instruction;
	struct code_walk walk;
	bool is_done;

	if (code->machine != IMAGE_AMD64 || !code_walk_begin(&walk, code))
		return false;
	while ((instruction = code_next(&walk))) {
		if (code_is_nop(code, instruction))
			continue;
		if (note_comparison(&search, instruction))
			*site = (struct site){ instruction->address, SITE_INSIDE };
		if (instruction->id == X86_INS_MOV)
			note_load(&search, &instruction->detail->x86);
		if (code_is_return(code, instruction))
			note_return(&search);
	}
	is_done = code_is_done(&walk);
	code_walk_end(&walk);
	*pattern = (int32_t)search.pattern;
	/* By the path with the host, and by that without. */
	return is_done && !search.is_wrong && search.pattern > 0 && search.n_compared == 2;
}

/* ---- in a file ---- */

bool site_of_entry(const struct go_binary *binary, const struct go_function *function, struct site *site)
{
	struct code code;
	bool found;

	if (!code_load(&code, binary, function))
		return false;
	found = site_find_entry(&code, site);
	code_unload(&code);
	return found;
}

bool site_of_early_branch(const struct go_binary *binary, const struct go_function *function, struct site *site)
{
	struct code code;
	bool found;

	if (!code_load(&code, binary, function))
		return false;
	found = site_find_early_branch(&code, site);
	code_unload(&code);
	return found;
}

bool site_of_branch(const struct go_binary *binary, const struct go_function *function, struct site *site)
{
	struct code code;
	bool found;

	if (!code_load(&code, binary, function))
		return false;
	found = site_find_branch(&code, site);
	code_unload(&code);
	return found;
}

size_t site_of_returns(const struct go_binary *binary, const struct go_function *function,
		       uint64_t addresses[SITE_RETURNS_MAX])
{
	struct code code;
	size_t n;

	if (!code_load(&code, binary, function))
		return 0;
	n = site_find_returns(&code, addresses);
	code_unload(&code);
	return n;
}

bool site_of_comparison(const struct go_binary *binary, const struct go_function *function, int64_t value,
			struct site *site)
{
	struct code code;
	bool found;

	if (!code_load(&code, binary, function))
		return false;
	found = site_find_comparison(&code, value, site);
	code_unload(&code);
	return found;
}

bool site_of_call(const struct go_binary *binary, const struct go_function *function, uint64_t callee,
		  struct site *site)
{
	struct code code;
	bool found;

	if (!code_load(&code, binary, function))
		return false;
	found = site_find_call(&code, callee, site);
	code_unload(&code);
	return found;
}

bool site_of_new_goroutine(const struct go_binary *binary, const struct go_function *function, struct site *site,
			   unsigned int *reg)
{
	struct code code;
	bool found;

	if (!code_load(&code, binary, function))
		return false;
	found = site_find_new_goroutine(&code, site, reg);
	code_unload(&code);
	return found;
}

bool site_of_pattern(const struct go_binary *binary, const struct go_function *function, struct site *site,
		     int32_t *pattern)
{
	struct code code;
	bool found;

	if (!code_load(&code, binary, function))
		return false;
	found = site_find_pattern(&code, site, pattern);
	code_unload(&code);
	return found;
}
