/* Makes a program believe that its CPU knows AVX2 and nothing newer. Preloaded by speed.py, whose copy of ONNX Runtime has an INT3 and a
 * NOP in the place of every CPUID instruction (two bytes each): the trap asks the real CPU and takes the bits of AVX-512, AMX and VNNI
 * out of the answer. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

/* Bits of leaf 7 (Intel SDM volume 2, CPUID): AVX-512 F, DQ, IFMA, PF, ER, CD, BW, VL; VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ; 4VNNIW,
 * 4FMAPS, VP2INTERSECT, AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8; of its subleaf 1: AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-VNNI-INT8,
 * AVX-NE-CONVERT, AVX-VNNI-INT16. */
enum {
    EBX_7 = 1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31,
    ECX_7 = 1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14,
    EDX_7 = 1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25,
    EAX_7_1 = 1u << 4 | 1u << 5 | 1u << 21,
    EDX_7_1 = 1u << 4 | 1u << 5 | 1u << 10,
};

static void answer(int number, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned leaf = r[REG_RAX], subleaf = r[REG_RCX], a, b, c, d;
    (void)number, (void)info;
    __cpuid_count(leaf, subleaf, a, b, c, d);
    if (leaf == 7 && subleaf == 0)
        b &= ~EBX_7, c &= ~ECX_7, d &= ~EDX_7;
    if (leaf == 7 && subleaf == 1)
        a &= ~EAX_7_1, d &= ~EDX_7_1;
    r[REG_RAX] = a, r[REG_RBX] = b, r[REG_RCX] = c, r[REG_RDX] = d; /* the NOP comes next */
}

__attribute__((constructor)) static void install(void)
{
    struct sigaction action = {0};
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGTRAP, &action, 0);
}
