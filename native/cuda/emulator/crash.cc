#include "crash.h"

#include <ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <sstream>

namespace emulator {

void* landing_stack = nullptr;

#if defined(__SANITIZE_ADDRESS__)

CrashGuard::CrashGuard(void (*)()) {}
CrashGuard::~CrashGuard() = default;
Fault crash() { return {cudaErrorLaunchFailure, ""}; }

#else

namespace {

void (*landing)() = nullptr;
pid_t thread = 0;
int signal_number = 0, signal_code = 0;
void* address = nullptr;
alignas(16) char handler_stack[64 * 1024];  // a kernel's may be what overflowed

void handle(int number, siginfo_t* info, void* raw) {
  if (landing_stack == nullptr || gettid() != thread) {
    signal(number, SIG_DFL);  // no kernel's doing: it happens again, and ends the process
    return;
  }
  signal_number = number;
  signal_code = info->si_code;
  address = info->si_addr;
  auto& context = static_cast<ucontext_t*>(raw)->uc_mcontext;
  const auto stack = reinterpret_cast<std::uintptr_t>(landing_stack) & ~std::uintptr_t{15};
#if defined(__x86_64__)
  context.gregs[REG_RSP] = static_cast<greg_t>(stack - 8);  // as if called
  context.gregs[REG_RIP] = reinterpret_cast<greg_t>(landing);
#elif defined(__aarch64__)
  context.sp = stack;
  context.pc = reinterpret_cast<std::uintptr_t>(landing);
#endif
}

}  // namespace

CrashGuard::CrashGuard(void (*land)()) {
  landing = land;
  thread = gettid();
  const stack_t own{.ss_sp = handler_stack, .ss_flags = 0, .ss_size = sizeof handler_stack};
  sigaltstack(&own, &stack_before_);
  struct sigaction action{};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int i = 0; i < 3; ++i) sigaction(kSignals[i], &action, &before_[i]);
}

CrashGuard::~CrashGuard() {
  for (int i = 0; i < 3; ++i) sigaction(kSignals[i], &before_[i], nullptr);
  sigaltstack(&stack_before_, nullptr);
}

Fault crash() {
  if (signal_number == SIGFPE) return {cudaErrorLaunchFailure, "divides an integer by zero"};
  if (signal_number == SIGBUS || signal_code == SI_KERNEL)
    return {cudaErrorMisalignedAddress, "a misaligned address (a float4's, say), or none at all"};
  std::ostringstream cause;
  cause << "there is no memory at " << address << " (or the thread's own has overflowed)";
  return {cudaErrorIllegalAddress, cause.str()};
}

#endif

}  // namespace emulator
