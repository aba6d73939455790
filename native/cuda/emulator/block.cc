#include "block.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <sstream>
#include <utility>
#include <vector>

#include "copies.h"
#include "crash.h"
#include "device.h"
#include "fiber.h"
#include "machine.h"
#include "memory.h"
#include "order.h"
#include "tensor_cores.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulator {
namespace {

struct Abandoned {};  // thrown out of a wait that will not end

template <class... Pieces>
std::string text(const Pieces&... pieces) {
  std::ostringstream stream;
  (stream << ... << pieces);
  return stream.str();
}

std::string place(const uint3& at) { return text("(", at.x, ", ", at.y, ", ", at.z, ")"); }

uint3 place_of(std::uint64_t number, dim3 of) {
  return {static_cast<unsigned>(number % of.x), static_cast<unsigned>(number / of.x % of.y),
          static_cast<unsigned>(number / of.x / of.y)};
}

// --- orders

// The numbers below `count`, each once. Shuffled: in steps of about a golden section of them, which
// meet each as the step shares no factor with their count.
class BlockOrder {
 public:
  BlockOrder(Order order, std::uint64_t count) : count_(count) {
    if (order == Order::reverse) step_ = count - 1;
    if (order == Order::shuffled) {
      step_ = static_cast<std::uint64_t>(static_cast<double>(count) * 0.618) + 1;
      while (std::gcd(step_, count) != 1) ++step_;
    }
    at_ = order == Order::forward ? 0 : count - 1;
  }
  std::uint64_t next() { return std::exchange(at_, (at_ + step_) % count_); }

 private:
  std::uint64_t count_, step_ = 1, at_;
};

// --- a block

enum class State : std::uint8_t { fresh, running, ready, at_barrier, in_exchange, ended };

struct Thread {
  uint3 index{};
  State state = State::fresh;
  Fiber* fiber = nullptr;
  Copies copies;
};

// Lanes that wait for the others of their mask.
struct Meeting {
  unsigned mask, arrived;
  const Exchange* exchange;
  void* data[kWarp];
};

struct Warp {
  unsigned there;  // the lanes that have not ended
  std::vector<Meeting> meetings;
};

class Block {
 public:
  // Runs the block `blockIdx`; its threads start in the order of their numbers in `order`.
  std::optional<Fault> run(const std::function<void()>& body, const std::vector<int>& order);
  // Prepares for blocks of this size.
  void resize(dim3 threads);
  int size() const { return static_cast<int>(threads_.size()); }

  int lane() const { return current_ % kWarp; }
  Thread& thread() { return threads_[static_cast<std::size_t>(current_)]; }
  void sync_threads();
  void meet(unsigned mask, const Exchange& exchange, void* data);
  void work();
  // Instead of the rest of a thread that crashed: its fiber starts anew.
  void land();

  void* shared = nullptr;

 private:
  void take_up(int number);
  void resume(Fiber& fiber);
  void wait(State state);
  void end();
  void fail(Fault fault);
  void act(Warp& warp, std::size_t meeting);
  void open_barrier();
  Fiber& idle_fiber();
  std::string stuck() const;
  Warp& warp() { return warps_[static_cast<std::size_t>(current_ / kWarp)]; }

  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  const std::function<void()>* body_ = nullptr;
  const std::vector<int>* order_ = nullptr;
  int next_ = 0;     // in order_: the next thread to start
  int current_ = 0;  // the thread that is running
  int ended_ = 0, at_barrier_ = 0;
  std::optional<Fault> fault_;
  bool abandoning_ = false;

  Context scheduler_;
  Fiber* fiber_ = nullptr;  // that is running
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
};

// One for all: its fibers are kept from launch to launch.
Block block;

void Block::resize(dim3 size) {
  const unsigned count = size.x * size.y * size.z;
  threads_.resize(count);
  warps_.resize((count + kWarp - 1) / kWarp);
  for (unsigned i = 0; i < count; ++i) threads_[i].index = place_of(i, size);
}

std::optional<Fault> Block::run(const std::function<void()>& body, const std::vector<int>& order) {
  for (Thread& thread : threads_) {
    thread.state = State::fresh;
    thread.copies.clear();
  }
  for (std::size_t i = 0; i < warps_.size(); ++i) {
    const int lanes = std::min(size() - static_cast<int>(i) * kWarp, kWarp);
    warps_[i].there = kAllLanes >> (kWarp - lanes);
    warps_[i].meetings.clear();
  }
  body_ = &body;
  order_ = &order;
  next_ = ended_ = at_barrier_ = 0;
  fault_.reset();
  abandoning_ = false;

  while (next_ < size() && !fault_) resume(idle_fiber());
  while (ended_ < size() && !fault_) {
    bool stands = true;
    for (const int number : order) {
      Thread& thread = threads_[static_cast<std::size_t>(number)];
      if (thread.state != State::ready) continue;
      stands = false;
      take_up(number);
      resume(*thread.fiber);
      if (fault_) break;
    }
    if (stands) fault_ = Fault{cudaErrorLaunchFailure, stuck()};
  }
  if (!fault_) return std::nullopt;
  // Those that wait leave by an exception, so that nothing of theirs is left on their stacks.
  abandoning_ = true;
  for (int i = 0; i < size(); ++i) {
    Thread& thread = threads_[static_cast<std::size_t>(i)];
    if (thread.state == State::fresh || thread.state == State::ended) continue;
    take_up(i);
    resume(*thread.fiber);
  }
  return fault_;
}

void Block::take_up(int number) {
  current_ = number;
  thread().state = State::running;
  threadIdx = thread().index;
}

void Block::resume(Fiber& fiber) {
  fiber_ = &fiber;
  landing_stack = fiber.top();
  scheduler_.switch_to(fiber);
  landing_stack = nullptr;
}

// A fiber's whole life: starts threads of this block and the following ones, one after the other;
// where one has to wait, the fiber waits with it.
void Block::work() {
  for (;;) {
    Fiber* const self = fiber_;
    while (next_ < size() && !fault_) {
      take_up((*order_)[static_cast<std::size_t>(next_++)]);
      thread().fiber = self;
      try {
        (*body_)();
        end();
      } catch (const Abandoned&) {
        thread().state = State::ended;
      } catch (const Fault& fault) {
        fail(fault);
      } catch (const std::exception& error) {
        fail({cudaErrorLaunchFailure, text("an exception left the kernel: ", error.what())});
      } catch (...) {
        fail({cudaErrorLaunchFailure, "an exception left the kernel"});
      }
    }
    idle_.push_back(self);
    self->switch_to(scheduler_);
  }
}

void Block::fail(Fault fault) {
  thread().state = State::ended;
  fault_ = Fault{fault.error, text("thread ", place(threadIdx), ": ", fault.cause)};
}

void Block::land() {
  fail(crash());
  work();
}

Fiber& Block::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>([] { block.work(); }));
    return *fibers_.back();
  }
  Fiber* fiber = idle_.back();
  idle_.pop_back();
  return *fiber;
}

void Block::wait(State state) {
  thread().state = state;
  fiber_->switch_to(scheduler_);
  if (abandoning_) throw Abandoned{};
}

void Block::end() {
  thread().state = State::ended;
  ++ended_;
  if (at_barrier_ > 0 && at_barrier_ + ended_ == size()) open_barrier();
  Warp& own = warp();
  own.there &= ~(1u << lane());
  for (std::size_t i = own.meetings.size(); i-- > 0;)
    if ((own.meetings[i].mask & own.there & ~own.meetings[i].arrived) == 0) act(own, i);
}

void Block::sync_threads() {
  if (at_barrier_ + 1 + ended_ == size()) return open_barrier();
  ++at_barrier_;
  wait(State::at_barrier);
}

void Block::open_barrier() {
  at_barrier_ = 0;
  for (Thread& thread : threads_)
    if (thread.state == State::at_barrier) thread.state = State::ready;
}

void Block::meet(unsigned mask, const Exchange& exchange, void* data) {
  const unsigned bit = 1u << lane();
  const auto named = [](const Exchange& what, unsigned lanes) {
    return text(what.name, " of the lanes 0x", std::hex, lanes);
  };
  if ((mask & bit) == 0)
    throw Fault{cudaErrorLaunchFailure, text("lane ", lane(), " calls ", named(exchange, mask),
                                             ", which it is not one of")};
  Warp& own = warp();
  std::size_t i = 0;
  while (i < own.meetings.size() &&
         (own.meetings[i].mask != mask || own.meetings[i].exchange != &exchange))
    ++i;
  if (i == own.meetings.size()) own.meetings.push_back({mask, 0, &exchange, {}});
  const unsigned arrived = own.meetings[i].arrived | bit;
  for (const Meeting& other : own.meetings)
    if (&other != &own.meetings[i] && (other.mask & arrived) != 0 && (mask & other.arrived) != 0)
      throw Fault{cudaErrorLaunchFailure,
                  text("comes to ", named(exchange, mask), ", while lanes of its warp wait in ",
                       named(*other.exchange, other.mask))};
  Meeting& meeting = own.meetings[i];
  meeting.data[lane()] = data;
  meeting.arrived = arrived;
  if ((mask & own.there & ~meeting.arrived) == 0) return act(own, i);
  wait(State::in_exchange);
}

// Those who wait go on when it is their turn; who came last goes on at once.
void Block::act(Warp& own, std::size_t index) {
  const Meeting meeting = own.meetings[index];
  own.meetings.erase(own.meetings.begin() + static_cast<std::ptrdiff_t>(index));
  meeting.exchange->act(meeting.mask, meeting.data);
  const int first = current_ / kWarp * kWarp;
  for (int i = 0; i < kWarp; ++i)
    if (meeting.data[i] != nullptr && first + i != current_)
      threads_[static_cast<std::size_t>(first + i)].state = State::ready;
}

// Why nobody can go on.
std::string Block::stuck() const {
  std::string exchanges;
  for (const Warp& warp : warps_)
    for (const Meeting& meeting : warp.meetings)
      if (exchanges.empty())
        exchanges =
            text(meeting.exchange->name, " of the lanes 0x", std::hex, meeting.mask,
                 ", to which 0x", meeting.mask & warp.there & ~meeting.arrived, " do not come");
  const int others = size() - ended_ - at_barrier_;
  return text(at_barrier_ > 0 ? "divergent barrier: " : "", at_barrier_,
              " threads wait at __syncthreads and ", others, " in ", exchanges, "; none can go on");
}

}  // namespace

Fault run_grid(dim3 blocks, dim3 threads, std::size_t bytes,
               const std::function<void()>& body) try {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const Access access;
  const CrashGuard guard([] { block.land(); });
  const Order order = wanted_order();
  current_tensor_cores = tensor_cores(machine().capability);
  // A block of its own, as large as asked for, so that AddressSanitizer sees what leaves it.
  void* memory = nullptr;
  if (posix_memalign(&memory, 1024, bytes) != 0) throw std::bad_alloc();
  const std::unique_ptr<void, void (*)(void*)> shared(memory, std::free);

  block.resize(threads);
  block.shared = memory;
  gridDim = blocks;
  blockDim = threads;
  std::vector<int> taken(static_cast<std::size_t>(block.size()));
  std::iota(taken.begin(), taken.end(), 0);
  if (order == Order::reverse) std::reverse(taken.begin(), taken.end());
  std::minstd_rand random;
  const std::uint64_t count = std::uint64_t{blocks.x} * blocks.y * blocks.z;
  BlockOrder numbers(order, count);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (order == Order::shuffled) std::shuffle(taken.begin(), taken.end(), random);
    blockIdx = place_of(numbers.next(), blocks);
    std::memset(memory, 0xff, bytes);
    if (auto fault = block.run(body, taken))
      return {fault->error, text("block ", place(blockIdx), ": ", fault->cause)};
  }
  return {cudaSuccess, ""};
} catch (const Fault& fault) {
  return fault;
} catch (const std::exception& error) {
  return {cudaErrorMemoryAllocation, error.what()};
}

int lane() { return block.lane(); }
void* dynamic_shared() { return block.shared; }
void sync_threads() { block.sync_threads(); }
void meet(unsigned mask, const Exchange& exchange, void* data) { block.meet(mask, exchange, data); }
Copies& copies() { return block.thread().copies; }

}  // namespace emulator
