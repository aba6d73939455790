// What the processor refuses a kernel: an address of no memory, a misaligned vector, a division of
// an integer by zero. AddressSanitizer's own report says more, so with it nothing is done here.
#pragma once

#include <csignal>

#include "block.h"

namespace emulator {

// While one lives, such an event in the thread that made it, and between enter() and leave(), ends
// in `land` on the stack whose end was given to enter(), instead of with the process.
class CrashGuard {
 public:
  explicit CrashGuard(void (*land)());
  ~CrashGuard();
  CrashGuard(const CrashGuard&) = delete;
  CrashGuard& operator=(const CrashGuard&) = delete;

 private:
  static constexpr int kSignals[]{SIGSEGV, SIGBUS, SIGFPE};
  struct sigaction before_[3];
  stack_t stack_before_;
};

extern void* landing_stack;  // the end of the stack to land on; null while no kernel runs

// What happened, in `land`.
Fault crash();

}  // namespace emulator
