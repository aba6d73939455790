// Stacks of their own, changed without a system call.
#pragma once

#include <cstddef>

namespace emulator {

// A place in a computation, to come back to.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Leaves this place and goes on at `other`; returns when someone switches back.
  void switch_to(Context& other);

 protected:
  void* stack_pointer_ = nullptr;
  // Of the stack, for AddressSanitizer.
  const void* bottom_ = nullptr;
  std::size_t bytes_ = 0;
  void* fake_stack_ = nullptr;

  static Context *left_, *entered_;  // by the last switch
  void arrive();
};

// A context that starts in `main`, which never returns. Below the stack lie guard pages.
class Fiber : public Context {
 public:
  // Throws std::runtime_error when there is no memory.
  explicit Fiber(void (*main)());
  ~Fiber();

  // Where its stack begins.
  void* top() const { return top_; }

 private:
  void *mapping_, *top_;
  void (*main_)();
  [[noreturn]] static void start();
};

}  // namespace emulator
