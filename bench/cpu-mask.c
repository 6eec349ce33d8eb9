/*
 * Answers CPUID for a copy of ONNX Runtime in which every cpuid instruction (0f a2) was replaced by ud0 (0f ff), which no compiler emits
 * and every x86 CPU refuses with SIGILL: the real answer, less AVX-512, AVX-VNNI and AMX, and all that builds on them. The library then takes the
 * kernels it would take on a CPU with AVX2 only. Preloaded, and initialized before the library that needs it.
 *
 * Bits: Intel SDM volume 2, CPUID: leaf 7 with subleaves 0 and 1; leaves of tiles and AVX10 are answered with nothing.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define BIT(n) (1u << (n))

static const unsigned leaf7_ebx = BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const unsigned leaf7_ecx = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const unsigned leaf7_edx = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);
static const unsigned leaf7_1_eax = BIT(4) | BIT(5) | BIT(21) | BIT(23);
static const unsigned leaf7_1_edx = BIT(4) | BIT(5) | BIT(10) | BIT(19);

static void answer(int signal_number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *at = (const unsigned char *)registers[REG_RIP];
  (void)info;
  if (at[0] != 0x0f || at[1] != 0xff) {
    /* Somebody else's: refused again, and this time fatal. */
    signal(signal_number, SIG_DFL);
    return;
  }
  unsigned leaf = (unsigned)registers[REG_RAX], subleaf = (unsigned)registers[REG_RCX];
  unsigned eax = leaf, ebx, ecx = subleaf, edx;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  if (leaf == 7 && subleaf == 0) {
    ebx &= ~leaf7_ebx;
    ecx &= ~leaf7_ecx;
    edx &= ~leaf7_edx;
  } else if (leaf == 7 && subleaf == 1) {
    eax &= ~leaf7_1_eax;
    edx &= ~leaf7_1_edx;
  } else if (leaf >= 0x1d && leaf < 0x40000000) {
    /* Tiles (0x1d, 0x1e) and AVX10 (0x24). */
    eax = ebx = ecx = edx = 0;
  }
  registers[REG_RAX] = eax;
  registers[REG_RBX] = ebx;
  registers[REG_RCX] = ecx;
  registers[REG_RDX] = edx;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = answer;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, 0);
}
