// SPDX-License-Identifier: Apache-2.0
// Exception entry, return and faults [ARMv7-M Architecture Reference Manual, B1.5].
#include "sim/mt3620/cpu.h"

#include "sim/mt3620/model.h"

#define FRAME_SIZE   32
#define XPSR_IT      0x0600fc00U
#define XPSR_PADDED  (1U << 9)
#define XPSR_NUMBER  0x1ffU
#define CCR_STKALIGN (1U << 9)
#define TO_HANDLER   0xfffffff1U
#define TO_THREAD    0xfffffff9U
#define EXIT_CYCLES  10
#define CHAIN_CYCLES 6

#define CFSR_IBUSERR     (1U << 8)
#define CFSR_PRECISERR   (1U << 9)
#define CFSR_IMPRECISERR (1U << 10)
#define CFSR_BFARVALID   (1U << 15)
#define CFSR_UNDEFINSTR  (1U << 16)
#define CFSR_INVSTATE    (1U << 17)
#define CFSR_UNALIGNED   (1U << 24)
#define HFSR_VECTTBL     (1U << 1)
#define HFSR_FORCED      (1U << 30)
#define HFSR_DEBUGEVT    (1U << 31)
#define ACTLR_DISDEFWBUF (1U << 1)

#define UC_UNDEFINED 1 // Unicorn's exception numbers
#define UC_SVC       2
#define UC_FETCH     3
#define UC_RETURN    8 // EXC_RETURN, once a cps or msr in a handler has told Unicorn that it is one
#define UC_BKPT      7

static const int FRAME_REGS[8] = {UC_ARM_REG_R0,  UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3,
                                  UC_ARM_REG_R12, UC_ARM_REG_LR, UC_ARM_REG_PC, UC_ARM_REG_XPSR};

static void lock_up(struct mt *mt)
{
    mt->cpu.locked_up = true;
    mt_emit(mt, &(struct mt_event){.kind = MT_LOCKUP, .at_u = mt->now_u});
}

static bool push_frame(struct mt *mt)
{
    uint32_t top = m4_reg(mt, UC_ARM_REG_SP);
    bool pad = (mt->cpu.scb.ccr & CCR_STKALIGN) != 0 && (top & 4U) != 0;
    uint32_t sp = top - FRAME_SIZE - (pad ? 4 : 0);
    uint8_t *frame = m4_memory(mt, sp, FRAME_SIZE);
    if (frame == NULL || sp - XIP_BASE < XIP_SIZE) { // flash takes no stack
        return false;
    }
    struct writer out = writer_of(frame, FRAME_SIZE);
    for (unsigned i = 0; i < 7; i++) {
        put_u32le(&out, m4_reg(mt, FRAME_REGS[i]));
    }
    uint32_t xpsr = m4_reg(mt, UC_ARM_REG_XPSR) & ~XPSR_PADDED;
    put_u32le(&out, xpsr | (pad ? XPSR_PADDED : 0));
    m4_set_reg(mt, UC_ARM_REG_SP, sp);
    return true;
}

// Starts the handler; the frame is on the stack.
static void start_handler(struct mt *mt, unsigned number, uint32_t exc_return)
{
    struct cpu *cpu = &mt->cpu;
    const uint8_t *vector = m4_memory(mt, cpu->scb.vtor + 4 * number, 4);
    if (vector == NULL) {
        cpu->scb.hfsr |= HFSR_VECTTBL;
        lock_up(mt);
        return;
    }
    struct reader in = reader_of(bytes_of(vector, 4));
    uint32_t start = get_u32le(&in);
    trace_flush(mt, mt->now_u);
    cpu->nvic.pending[number] = false;
    cpu->nvic.active[number] = true;
    cpu->nvic.dirty = true;
    cpu->exception = number;
    cpu->entered_at[number] = cpu->instructions;
    // Unicorn would carry the interrupted code's IT state into the handler.
    uint32_t xpsr = m4_reg(mt, UC_ARM_REG_XPSR) & ~(XPSR_IT | XPSR_NUMBER | XPSR_T);
    m4_set_reg(mt, UC_ARM_REG_XPSR, xpsr | number | XPSR_T);
    m4_set_reg(mt, UC_ARM_REG_LR, exc_return);
    m4_set_reg(mt, UC_ARM_REG_PC, start); // its bit 0 sets T, even if no instruction comes first
    if (number >= EXC_IRQ) {
        uint64_t late_u = mt->now_u - cpu->nvic.pended_u[number];
        cpu->irq_latency_u = late_u > cpu->irq_latency_u ? (uint32_t)late_u : cpu->irq_latency_u;
        cpu->interrupts++;
    }
    if ((start & 1U) == 0) {
        exception_fault(mt, EXC_USAGE, CFSR_INVSTATE);
    }
}

void exception_enter(struct mt *mt, unsigned number)
{
    uint32_t control = m4_reg(mt, UC_ARM_REG_CONTROL);
    if (control != 0) {
        mt_fail(mt, "CONTROL is 0x%x: process stack, user mode and FPU are not modelled", control);
        return;
    }
    uint32_t exc_return = mt->cpu.exception == 0 ? TO_THREAD : TO_HANDLER;
    if (!push_frame(mt)) {
        lock_up(mt);
        return;
    }
    mt->now_u += (uint64_t)mt->knobs.irq_latency_cycles * mt->cycle_u;
    start_handler(mt, number, exc_return);
}

void exception_return(struct mt *mt, uint32_t exc_return)
{
    struct cpu *cpu = &mt->cpu;
    nvic_done(mt, cpu->exception);
    m4_set_reg(mt, UC_ARM_REG_FAULTMASK, 0);
    unsigned next = nvic_deliverable(mt, false);
    if (next != 0) { // tail-chaining: the frame stays where it is
        mt->now_u += (uint64_t)CHAIN_CYCLES * mt->cycle_u;
        start_handler(mt, next, exc_return);
        return;
    }
    uint32_t sp = m4_reg(mt, UC_ARM_REG_SP);
    const uint8_t *frame = m4_memory(mt, sp, FRAME_SIZE);
    if (frame == NULL) {
        lock_up(mt);
        return;
    }
    struct reader in = reader_of(bytes_of(frame, FRAME_SIZE));
    uint32_t values[8];
    for (unsigned i = 0; i < 8; i++) {
        values[i] = get_u32le(&in);
    }
    unsigned number = values[7] & XPSR_NUMBER;
    bool to_thread = exc_return == TO_THREAD;
    if (to_thread != (number == 0) || (number != 0 && !cpu->nvic.active[number % EXC_COUNT]) ||
        (values[7] & XPSR_T) == 0) {
        mt_fail(mt, "return from exception %u with EXC_RETURN 0x%08x onto a frame with xPSR 0x%08x",
                cpu->exception, exc_return, values[7]);
        return;
    }
    sp += FRAME_SIZE + ((values[7] & XPSR_PADDED) != 0 ? 4U : 0U);
    m4_set_reg(mt, UC_ARM_REG_XPSR, values[7] & ~XPSR_PADDED);
    for (unsigned i = 0; i < 7; i++) {
        m4_set_reg(mt, FRAME_REGS[i], FRAME_REGS[i] == UC_ARM_REG_PC ? values[i] | 1U : values[i]);
    }
    m4_set_reg(mt, UC_ARM_REG_SP, sp);
    mt->now_u += (uint64_t)EXIT_CYCLES * mt->cycle_u;
    trace_flush(mt, mt->now_u);
    cpu->exception = number;
}

void exception_hard(struct mt *mt, uint32_t hfsr)
{
    mt->cpu.scb.hfsr |= hfsr;
    if (nvic_masked_priority(mt) < 0) {
        lock_up(mt);
        return;
    }
    exception_enter(mt, EXC_HARDFAULT);
}

void exception_fault(struct mt *mt, unsigned number, uint32_t cfsr)
{
    struct scb *scb = &mt->cpu.scb;
    scb->cfsr |= cfsr;
    bool enabled = (scb->shcsr >> (12 + number) & 1U) != 0; // 16: MemManage, 17: Bus, 18: Usage
    if (enabled && nvic_priority(mt, number) < nvic_masked_priority(mt)) {
        exception_enter(mt, number);
    } else {
        exception_hard(mt, HFSR_FORCED);
    }
}

static void bus_fault(struct mt *mt, bool is_write)
{
    struct cpu *cpu = &mt->cpu;
    if (is_write && (cpu->scb.actlr & ACTLR_DISDEFWBUF) == 0) {
        exception_fault(mt, EXC_BUSFAULT, CFSR_IMPRECISERR); // BFAR says nothing then
        return;
    }
    cpu->scb.bfar = cpu->fault_address;
    exception_fault(mt, EXC_BUSFAULT, CFSR_PRECISERR | CFSR_BFARVALID);
}

// A jump to where no code is: EXC_RETURN, or a mistake.
static void odd_jump(struct mt *mt, uint32_t pc)
{
    if (pc >= 0xf0000000U && mt->cpu.exception != 0) {
        if ((pc | 1U) == TO_THREAD || (pc | 1U) == TO_HANDLER) {
            exception_return(mt, pc | 1U);
        } else {
            mt_fail(mt, "EXC_RETURN 0x%08x: process stack and FPU are not modelled", pc | 1U);
        }
    } else if ((m4_reg(mt, UC_ARM_REG_XPSR) & XPSR_T) == 0) {
        exception_fault(mt, EXC_USAGE, CFSR_INVSTATE);
    } else {
        exception_fault(mt, EXC_BUSFAULT, CFSR_IBUSERR);
    }
}

static void take_interrupt(struct mt *mt, unsigned number, uint32_t pc)
{
    switch (number) {
    case UC_UNDEFINED: exception_fault(mt, EXC_USAGE, CFSR_UNDEFINSTR); break;
    case IN_ARM_STATE: exception_fault(mt, EXC_USAGE, CFSR_INVSTATE); break;
    case UC_FETCH:
    case UC_RETURN: odd_jump(mt, pc); break;
    case UC_BKPT: exception_hard(mt, HFSR_DEBUGEVT); break;
    case UC_SVC:
        if (nvic_priority(mt, EXC_SVC) < nvic_masked_priority(mt)) {
            nvic_pend(mt, EXC_SVC);
            exception_enter(mt, EXC_SVC);
        } else {
            exception_hard(mt, HFSR_FORCED);
        }
        break;
    default: mt_fail(mt, "Unicorn's exception %u at 0x%08x", number, pc); break;
    }
}

// The block ended early, before the instruction at pc: takes back the time of the rest.
static void rewind_to(struct mt *mt, uint32_t pc)
{
    struct cpu *cpu = &mt->cpu;
    cpu->pc = pc;
    uint64_t back = cpu->instructions - m4_access_instructions(mt);
    cpu->instructions -= back;
    mt->now_u -= back * mt->cycle_u;
}

static bool is_wfi(const struct mt *mt, uint32_t pc)
{
    const uint8_t *data = m4_memory(mt, pc - 4, 4);
    bool narrow = data != NULL && data[2] == 0x30 && data[3] == 0xbf;
    bool wide =
        data != NULL && data[0] == 0xaf && data[1] == 0xf3 && data[2] == 0x03 && data[3] == 0x80;
    return narrow || wide;
}

void exception_stopped(struct mt *mt, uc_err err)
{
    struct cpu *cpu = &mt->cpu;
    uint32_t pc = m4_reg(mt, UC_ARM_REG_PC);
    if (mt->failure[0] != '\0') {
        return;
    }
    if (err == UC_ERR_OK && cpu->interrupted != 0) {
        take_interrupt(mt, cpu->interrupted - 1, pc);
    } else if (err == UC_ERR_OK && is_wfi(mt, pc)) {
        cpu->asleep = true;
    } else if (err == UC_ERR_READ_UNMAPPED || err == UC_ERR_WRITE_UNMAPPED ||
               err == UC_ERR_WRITE_PROT || err == UC_ERR_READ_PROT) {
        rewind_to(mt, pc);
        bus_fault(mt, err == UC_ERR_WRITE_UNMAPPED || err == UC_ERR_WRITE_PROT);
    } else if (err == UC_ERR_INSN_INVALID) {
        exception_fault(mt, EXC_USAGE, CFSR_UNDEFINSTR);
    } else if (err == UC_ERR_READ_UNALIGNED || err == UC_ERR_WRITE_UNALIGNED) {
        rewind_to(mt, pc);
        exception_fault(mt, EXC_USAGE, CFSR_UNALIGNED);
    } else if (err == UC_ERR_FETCH_UNMAPPED || err == UC_ERR_FETCH_PROT) {
        odd_jump(mt, pc);
    } else {
        mt_fail(mt, "Unicorn stopped at 0x%08x: %s", pc, uc_strerror(err));
    }
}
