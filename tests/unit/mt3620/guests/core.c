// SPDX-License-Identifier: Apache-2.0
// What a Cortex-M4 must do; one case per behaviour, results noted for the host.
#include "guest.h"

#define LEVEL(n)  ((uint32_t)(n) << 5)
#define SPARE     98
#define SPARE2    99
#define NOWHERE   0x50000000U
#define FRAME_PC  6
#define FRAME_PSR 7

static volatile uint32_t spare_count, spare2_count, skip;
static volatile uint32_t nest; // spare pends spare2
static volatile uint32_t kept __attribute__((section(".retained")));
static volatile uint32_t boots __attribute__((section(".retained")));

void on_spare(void)
{
    spare_count++;
    if (nest != 0) {
        mask(); // tells the engine that this is a handler
        unmask();
        note(0x10);
        pend_irq(SPARE2);
        __asm volatile("dsb; isb");
        note(0x11);
    }
}

void on_spare2(void)
{
    spare2_count++;
    if (nest != 0) {
        note(0x20);
    }
}

void on_svc(void)
{
    note(0x5c);
}

void on_pendsv(void)
{
    note(0x5d);
}

// Notes what the fault registers say, then goes on behind the instruction (or at the caller).
__attribute__((used)) static void take_fault(uint32_t *frame, uint32_t kind)
{
    note(kind);
    note(SCS(0xd28));
    note(SCS(0xd2c));
    note(SCS(0xd38));
    note(frame[FRAME_PC]);
    SCS(0xd28) = 0xffffffff;
    SCS(0xd2c) = 0xffffffff;
    if (skip == 0) {
        frame[FRAME_PC] = frame[5]; // LR: out of the function that did it
        frame[FRAME_PSR] |= 1U << 24;
    } else {
        frame[FRAME_PC] += skip;
    }
}

__attribute__((naked)) void on_hard_fault(void)
{
    __asm volatile("mov r0, sp; movs r1, #3; b take_fault");
}

__attribute__((naked)) void on_bus_fault(void)
{
    __asm volatile("mov r0, sp; movs r1, #5; b take_fault");
}

__attribute__((naked)) void on_usage_fault(void)
{
    __asm volatile("mov r0, sp; movs r1, #6; b take_fault");
}

static void basepri_case(void)
{
    enable_irq(SPARE, 1);
    enable_irq(SPARE2, 0);
    set_basepri(1); // what public samples write
    pend_irq(SPARE);
    __asm volatile("dsb; isb");
    note(spare_count);
    note(get_basepri());
    set_basepri(LEVEL(1));
    pend_irq(SPARE);
    pend_irq(SPARE2);
    __asm volatile("dsb; isb");
    note(spare_count);
    note(spare2_count);
    set_basepri(0);
    __asm volatile("isb");
    note(spare_count);
    *(volatile uint8_t *)(0xe000e400 + SPARE) = 0xff; // 3 bits of 8
    note(*(volatile uint8_t *)(0xe000e400 + SPARE));
}

// Straddles a page, so that the engine can stop within the IT block.
__attribute__((naked, used, aligned(4096), section(".text.page"))) static uint32_t
it_block(uint32_t n)
{
    (void)n;
    __asm volatile(".space 4096 - 14\n"
                   "it_start: movs r1, #0\n"
                   "movs r2, #0\n"
                   "cmp r0, #0\n"
                   "ittet ne\n"
                   "addne r1, #1\n"
                   "addne r1, #2\n"
                   "addeq r2, #1\n"
                   "addne r1, #4\n" // first of the next page
                   "orr r0, r1, r2, lsl #8\n"
                   "bx lr\n");
}

static void it_case(void)
{
    extern const char it_start[];
    uint32_t (*run)(uint32_t) = (uint32_t(*)(uint32_t))((uint32_t)it_start | 1);
    (void)it_block;
    enable_irq(SPARE, 1); // the host's storm pends it
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        wrong += run(1) != 7;
        wrong += run(0) != 0x100;
    }
    note(wrong);
    note(spare_count != 0);
}

// Longer than any block of the engine's, which then goes from one to the next without a jump.
__attribute__((naked, noinline, aligned(4096))) static uint32_t count_to_1500(uint32_t from)
{
    (void)from;
    __asm volatile(".rept 1500\n adds r0, #1\n .endr\n bx lr");
}

static void long_case(void)
{
    enable_irq(SPARE, 1); // the host's storm pends it
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 200; i++) {
        sum = count_to_1500(sum);
    }
    note(sum);
    note(spare_count != 0);
}

// Every store runs once, whatever the access starts.
static void store_case(void)
{
    enable_irq(SPARE, 1);
    for (uint32_t i = 0; i < 1000; i++) {
        pend_irq(SPARE);
    }
    __asm volatile("dsb; isb");
    note(spare_count);
    start_uart(0, &SPEED_115200, 3);
    for (uint32_t i = 0; i < 16; i++) {
        UART(0, 0x00) = i;
    }
}

static void wfi_case(void)
{
    start_clocks();
    enable_irq(IRQ_GPT3, 1);
    GPT(0x5c) = 1000;
    mask();
    uint32_t from = now();
    GPT(0x50) = 25U << 16 | 1;
    wfi(); // wakes for what PRIMASK holds back
    note((now() - from) / 198);
    note(result_count);
    unmask();
    note(0x99);
}

void on_gpt3(void)
{
    note(0x33);
    GPT(0x50) = 25U << 16 | 1U << 15;
    wait_us(6);
    GPT(0x50) = 25U << 16;
}

static void nest_case(void)
{
    nest = 1;
    enable_irq(SPARE, 2);
    enable_irq(SPARE2, 1); // preempts
    pend_irq(SPARE);
    __asm volatile("dsb; isb");
    enable_irq(SPARE2, 2); // waits, then chains
    pend_irq(SPARE);
    __asm volatile("dsb; isb");
    note(0x30);
}

static void system_case(void)
{
    __asm volatile("svc 5");
    note(0x5e);
    SCS(0xd04) = 1U << 28;
    __asm volatile("dsb; isb");
    note(0x5f);
    note(SCS(0xd00));
}

__attribute__((noinline)) static uint32_t load(uint32_t address)
{
    uint32_t value;
    __asm volatile("load_here: ldr.w %0, [%1]" : "=r"(value) : "r"(address));
    return value;
}

__attribute__((noinline)) static void store(uint32_t address)
{
    __asm volatile("str.w %0, [%0]\nnop" ::"r"(address));
}

__attribute__((noinline)) static void undefined(void)
{
    __asm volatile("udf_here: udf #1");
}

__attribute__((naked, noinline)) static void jump(uint32_t address)
{
    (void)address;
    __asm volatile("bx r0");
}

static void fault_case(void)
{
    extern const char load_here[], udf_here[];
    skip = 4;
    (void)load(NOWHERE);
    note((uint32_t)load_here);
    skip = 0;
    store(NOWHERE);
    undefined();
    note((uint32_t)udf_here);
    jump(NOWHERE + 1);
    jump(0x100000); // ARM state
    SCS(0xd24) = 7U << 16;
    skip = 4;
    (void)load(NOWHERE);
    skip = 0;
    undefined();
}

static void padded_stack_case(void)
{
    enable_irq(SPARE, 1);
    uint32_t before, after;
    __asm volatile("mov %0, sp\n sub sp, #4\n" : "=r"(before));
    pend_irq(SPARE);
    __asm volatile("dsb; isb\n add sp, #4\n mov %0, sp\n" : "=r"(after));
    note(before == after);
    note(spare_count);
}

static void lockup_case(void)
{
    WATCHDOG(0x34) = 16U << 5 | 8; // 0.5 s
    start_clocks();
    wait_us(101);
    WATCHDOG(0x30) = 0x2201;
    SCS(0xd08) = 0; // no vectors there
    (void)load(NOWHERE);
}

static void reset_case(void)
{
    note(boots);
    note(kept);
    if (boots == 0) {
        boots = 1;
        kept = 0x1234;
        SCS(0xd0c) = 0x05fa0004;
        for (;;) {
        }
    }
}

static void stray_case(uint32_t which)
{
    static const uint32_t READ[] = {0x38070570, 0xe000e010, 0xe0001004, 0xe000ed90,
                                    0x21040000, 0x30010020, 0x21010010};
    if (which < sizeof READ / sizeof READ[0]) {
        (void)load(READ[which]);
        note(1); // not reached
    }
    switch (which) {
    case 10: *(volatile uint8_t *)0x38070514; break;
    case 11: __asm volatile(".short 0xeeb7, 0x0a00"); break; // vmov.f32
    case 12: __asm volatile("wfe"); break;
    case 13: __asm volatile("movs r0, #2; msr control, r0; isb; svc 0"); break;
    case 14: UART(0, 0x04) = 8; break;
    case 15: SCS(0xd08) = 0x100100; break;
    case 16: UART(0, 0x00); break;
    default: break;
    }
}

int main(void)
{
    uint32_t which = chosen_case();
    if (boots > 1) {
        boots = 0; // junk of a cold start
    }
    switch (which) {
    case 1: basepri_case(); break;
    case 2: it_case(); break;
    case 3: store_case(); break;
    case 4: wfi_case(); break;
    case 5: nest_case(); break;
    case 6: system_case(); break;
    case 7: fault_case(); break;
    case 8: padded_stack_case(); break;
    case 9: lockup_case(); break;
    case 10: reset_case(); break;
    case 11: long_case(); break;
    default: stray_case(which - 100); break;
    }
    note(0xe0d); // the end
    return 0;
}
