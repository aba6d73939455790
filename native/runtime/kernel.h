// The contract between the addon and a kernel library: tensors as views, one call, one table.
//
// A kernel library is this folder's cpu/ compiled for one instruction set (or cuda/) as a shared
// object of its own, so that no inline function of one variant can be merged with another's. It
// exports `rareface_register` and keeps no state between calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace rareface {

// Throws std::runtime_error made of the pieces; the host adds the kernel's name and the shapes.
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
  std::ostringstream text;
  (text << ... << pieces);
  throw std::runtime_error(text.str());
}

template <class... Pieces>
void require(bool holds, const Pieces&... pieces) {
  if (!holds) fail(pieces...);
}

// Must match `dtypes` in ts/backend/native-backend.ts.
enum class DType : std::int32_t { float32 = 0, int32 = 1, boolean = 2 };

constexpr std::size_t size_of(DType type) { return type == DType::boolean ? 1 : 4; }

// What the factors of large products are rounded to. Sums, and every tensor in memory, are float32.
// Must match `precisions` in ts/backend/binding.ts.
enum class Precision : std::int32_t { float32 = 0, bfloat16 = 1, tf32 = 2 };

// What only a device sees while a kernel runs there: the kernel flags it and goes on without
// leaving its tensors; the host throws when it waits next (see describe()).
enum class DeviceError : std::int32_t { none = 0, index_out_of_range = 1 };

constexpr int kMaxRank = 6;

// A dense row-major tensor. Owns nothing.
struct View {
  void* data = nullptr;
  DType dtype = DType::float32;
  int rank = 0;
  std::int64_t dims[kMaxRank] = {};

  std::int64_t size() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= dims[i];
    return n;
  }
  const float* f32() const { return static_cast<const float*>(data); }
  float* f32_out() const { return static_cast<float*>(data); }
  const std::int32_t* i32() const { return static_cast<const std::int32_t*>(data); }
  std::int32_t* i32_out() const { return static_cast<std::int32_t*>(data); }
  const std::uint8_t* u8() const { return static_cast<const std::uint8_t*>(data); }
  std::uint8_t* u8_out() const { return static_cast<std::uint8_t*>(data); }
};

// A borrowed callable, valid for the duration of the call it is passed to.
class Body {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cv_t<F>, Body>)  // else it would wrap a copy's source
  Body(F& f)  // NOLINT(google-explicit-constructor): lambdas are passed as they stand
      : object_(&f), call_([](void* o, std::int64_t i) { (*static_cast<F*>(o))(i); }) {}
  void operator()(std::int64_t i) const { call_(object_, i); }

 private:
  void* object_;
  void (*call_)(void*, std::int64_t);
};

constexpr std::int64_t kCounters = 4096;

// What a kernel may ask of its host while it runs.
class Host {
 public:
  virtual ~Host() = default;
  virtual int threads() const = 0;
  // Of the call that is running.
  virtual Precision precision() const = 0;
  // Runs body(0..count-1), each once, on the pool; returns when all are done. Which thread runs an
  // index is not fixed, so split work by shape alone: results must not depend on the thread count.
  // An exception from a body is rethrown here.
  virtual void parallel(std::int64_t count, Body body) = 0;
  // Uninitialised memory, 64-byte aligned, valid until the kernel returns. Call on the calling
  // thread only.
  virtual void* scratch(std::size_t bytes) = 0;
  // Does work that no later work of this kernel waits for, with scratch of its own. A recorded
  // graph may run both at the same time; the kernel ends when all is done.
  virtual void aside(const std::function<void(Host&)>& work) { work(*this); }
  // On a GPU: the cudaStream_t that kernels are launched on, and where they flag a DeviceError.
  virtual void* stream() const { return nullptr; }
  virtual std::int32_t* flags() const { return nullptr; }
  // On a GPU: kCounters zeros, with which blocks of a kernel count how many of them are done. A
  // kernel leaves zeros.
  virtual std::uint32_t* counters() const { return nullptr; }
};

// The inputs or the outputs of a call; asking for one that is not there throws.
class Views {
 public:
  Views() = default;
  Views(const View* first, int count) : first_(first), count_(count) {}
  int size() const { return count_; }
  const View& operator[](int i) const {
    if (i < 0 || i >= count_) fail("tensor ", i, " is missing");
    return first_[i];
  }

 private:
  const View* first_ = nullptr;
  int count_ = 0;
};

struct Call {
  const char* kernel = "";
  Views in;
  int in_count = 0;
  Views out;
  int out_count = 0;
  const double* attrs = nullptr;
  int attr_count = 0;
  Precision precision = Precision::float32;
  Host* host = nullptr;

  // `views`: the inputs, then the outputs.
  void bind(const View* views, int inputs, int outputs) {
    in = Views(views, in_count = inputs);
    out = Views(views + inputs, out_count = outputs);
  }
  double attr(int i) const {
    if (i < 0 || i >= attr_count) fail("attribute ", i, " is missing");
    return attrs[i];
  }
  // Cuts off decimals. Throws for NaN and for what is beyond the exact integers.
  std::int64_t attr_int(int i) const {
    constexpr double kExact = 9007199254740992;
    const double value = attr(i);
    if (!(value >= -kExact && value <= kExact)) fail("attribute ", i, " is no integer: ", value);
    return static_cast<std::int64_t>(value);
  }
};

using Kernel = void (*)(const Call&);

class KernelTable {
 public:
  virtual ~KernelTable() = default;
  virtual void add(const char* name, Kernel kernel) = 0;
};

}  // namespace rareface

extern "C" {
// Every kernel library exports this under the name "rareface_register".
using rareface_register_fn = void (*)(rareface::KernelTable*);
}
