#include "fiber.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

// void rareface_switch_stack(void** leave, void* enter): pushes what a callee must keep, leaves the
// stack pointer at *leave, and pops from `enter` what was pushed there.
extern "C" __attribute__((visibility("hidden"))) void rareface_switch_stack(void** leave,
                                                                            void* enter);
#if defined(__x86_64__)
asm(R"(
.text
.hidden rareface_switch_stack
.globl rareface_switch_stack
.type rareface_switch_stack, @function
rareface_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size rareface_switch_stack, .-rareface_switch_stack
)");
#elif defined(__aarch64__)
asm(R"(
.text
.hidden rareface_switch_stack
.globl rareface_switch_stack
.type rareface_switch_stack, %function
rareface_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size rareface_switch_stack, .-rareface_switch_stack
)");
#else
#error "the CUDA emulator knows the stacks of x86-64 and aarch64 only"
#endif

namespace emulator {
namespace {

constexpr std::size_t kStack = 256 * 1024;
// Stacks start at one of so many distances from their pages' ends: all at the same one, hundreds of
// them would compete for the same few lines of the caches.
constexpr std::size_t kDistances = 128, kDistance = 320;
std::size_t made = 0;

constexpr std::size_t kGuard =
    64 * 1024;  // no frame may reach across; any system's pages divide it

}  // namespace

Context* Context::left_ = nullptr;
Context* Context::entered_ = nullptr;

void Context::switch_to(Context& other) {
  left_ = this;
  entered_ = &other;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fake_stack_, other.bottom_, other.bytes_);
#endif
  rareface_switch_stack(&stack_pointer_, other.stack_pointer_);
  arrive();
}

// AddressSanitizer tells where the stack is that was left, which of a thread's own nobody else
// knows.
void Context::arrive() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack_, &left_->bottom_, &left_->bytes_);
#endif
}

Fiber::Fiber(void (*main)()) : main_(main) {
  mapping_ = mmap(nullptr, kGuard + kStack, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping_ == MAP_FAILED)
    throw std::runtime_error(std::string("no memory for the stack of a thread: ") +
                             std::strerror(errno));
  mprotect(mapping_, kGuard, PROT_NONE);
  char* bottom = static_cast<char*>(mapping_) + kGuard;
  bottom_ = bottom;
  bytes_ = kStack;
  // What rareface_switch_stack pops: zeros, and start() as where to return to.
  auto** top = reinterpret_cast<void**>(bottom + kStack - made++ % kDistances * kDistance);
  top_ = top;
#if defined(__x86_64__)
  stack_pointer_ = top - 8;
  top[-2] = reinterpret_cast<void*>(&Fiber::start);
#elif defined(__aarch64__)
  stack_pointer_ = top - 20;
  top[-20 + 11] = reinterpret_cast<void*>(&Fiber::start);
#endif
}

Fiber::~Fiber() { munmap(mapping_, kGuard + kStack); }

void Fiber::start() {
  auto& self = static_cast<Fiber&>(*entered_);
  self.arrive();
  self.main_();
  std::abort();
}

}  // namespace emulator
