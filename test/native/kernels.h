// What the kernel tests share: guarded tensors, and calls of kernels by name on every variant.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cpu_host.h"
#include "runtime/kernel_library.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace rareface::testing {

using Shape = std::vector<std::int64_t>;

// A tensor between two guard zones. A write outside it is found by check_guards(), and under
// AddressSanitizer every access outside it at once.
class Tensor {
 public:
  explicit Tensor(Shape shape, DType dtype = DType::float32) {
    view_.dtype = dtype;
    view_.rank = static_cast<int>(shape.size());
    for (std::size_t i = 0; i < shape.size(); ++i) view_.dims[i] = shape[i];
    bytes_ = static_cast<std::size_t>(view_.size()) * size_of(dtype);
    memory_ = allocate_aligned(bytes_ + 2 * kGuard);
    std::memset(memory_.get(), kMark, bytes_ + 2 * kGuard);
    view_.data = start() + kGuard;
    guard(true);
  }
  Tensor(Shape shape, const std::vector<float>& values) : Tensor(std::move(shape)) {
    EXPECT_EQ(values.size(), static_cast<std::size_t>(view_.size()));
    std::copy(values.begin(), values.end(), view_.f32_out());
  }
  ~Tensor() { guard(false); }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  // Normally distributed values, the same for the same seed.
  static std::unique_ptr<Tensor> random(Shape shape, unsigned seed) {
    auto tensor = std::make_unique<Tensor>(std::move(shape));
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal;
    for (std::int64_t i = 0; i < tensor->size(); ++i) tensor->view_.f32_out()[i] = normal(engine);
    return tensor;
  }

  const View& view() const { return view_; }
  std::int64_t size() const { return view_.size(); }
  float operator[](std::int64_t i) const { return view_.f32()[i]; }
  std::vector<float> values() const { return {view_.f32(), view_.f32() + size()}; }
  bool same_bits(const Tensor& other) const {
    return bytes_ == other.bytes_ && std::memcmp(view_.data, other.view_.data, bytes_) == 0;
  }

  // Fails the test where something was written outside the tensor.
  void check_guards(const std::string& what) const {
    guard(false);
    for (std::size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(start()[i], kMark) << what << " wrote " << kGuard - i << " bytes before";
      EXPECT_EQ(start()[kGuard + bytes_ + i], kMark) << what << " wrote " << i << " bytes behind";
    }
    guard(true);
  }

 private:
  static constexpr std::size_t kGuard = 256;
  static constexpr unsigned char kMark = 0xa5;

  unsigned char* start() const { return static_cast<unsigned char*>(memory_.get()); }
  void guard([[maybe_unused]] bool on) const {
#if defined(__SANITIZE_ADDRESS__)
    if (on) {
      ASAN_POISON_MEMORY_REGION(start(), kGuard);
      ASAN_POISON_MEMORY_REGION(start() + kGuard + bytes_, kGuard);
    } else {
      ASAN_UNPOISON_MEMORY_REGION(start(), bytes_ + 2 * kGuard);
    }
#endif
  }

  View view_;
  std::size_t bytes_ = 0;
  AlignedBlock memory_;
};

// The CUDA kernels on the CPU, one of the variants.
constexpr const char* kEmulated = "cuda-emulated";

// The names of all kernels that this process has called there.
inline std::set<std::string> called_on_gpu;

// A kernel library of one instruction set, or the emulated one, and a device for it: the CPU with
// some threads, or the emulated GPU, whose threads take turns in order or, of several, shuffled.
class Kernels {
 public:
  Kernels(const std::string& isa, int threads) {
    if (isa == kEmulated) {
      device_ = open_gpu(KERNEL_FOLDER, isa, 0, list_);
      order_ = threads == 1 ? "forward" : "shuffled";
    } else {
      device_ = std::make_shared<CpuHost>(threads);
      open_kernel_library(KERNEL_FOLDER, isa, list_);
    }
  }

  const KernelList& list() const { return list_; }
  Precision precision = Precision::float32;  // of the calls

  void run(const std::string& name, std::vector<const Tensor*> in, std::vector<const Tensor*> out,
           std::vector<double> attrs = {}) {
    std::vector<View> views;
    for (const Tensor* tensor : in) views.push_back(tensor->view());
    for (const Tensor* tensor : out) views.push_back(tensor->view());
    Call call;
    call.kernel = name.c_str();
    call.attrs = attrs.data();
    call.attr_count = static_cast<int>(attrs.size());
    call.precision = precision;
    if (order_)
      run_on_gpu(find(name), call, views, in.size());
    else
      run_on_views(find(name), call, views, in.size());
    for (const Tensor* tensor : in) tensor->check_guards(name);
    for (const Tensor* tensor : out) tensor->check_guards(name);
  }

 private:
  Kernel find(const std::string& name) const {
    for (const auto& entry : list_.entries())
      if (entry.name == name) return entry.kernel;
    fail("no kernel is called ", name);
  }

  void run_on_views(Kernel kernel, Call& call, const std::vector<View>& views, std::size_t inputs) {
    call.bind(views.data(), static_cast<int>(inputs), static_cast<int>(views.size() - inputs));
    device_->run(kernel, call);
    device_->wait();
  }

  // Each tensor is a block of its own there; an output that is an input, too, is the same one.
  void run_on_gpu(Kernel kernel, Call& call, std::vector<View> views, std::size_t inputs) {
    setenv("RAREFACE_EMULATOR_ORDER", order_, 1);
    std::map<void*, Block> blocks;
    std::vector<std::pair<void*, View>> outputs;  // where they go, and where they are
    for (std::size_t i = 0; i < views.size(); ++i) {
      View& view = views[i];
      void* const host = view.data;
      const auto bytes = static_cast<std::size_t>(view.size()) * size_of(view.dtype);
      const auto [at, fresh] = blocks.try_emplace(host);
      if (fresh) at->second = allocate_block(*device_, bytes);
      view.data = at->second.get();
      if (i < inputs)
        device_->write(view.data, host, bytes);
      else
        outputs.emplace_back(host, view);
    }
    run_on_views(kernel, call, views, inputs);
    called_on_gpu.insert(call.kernel);
    for (const auto& [host, view] : outputs)
      device_->read(host, view.data, static_cast<std::size_t>(view.size()) * size_of(view.dtype));
  }

  KernelList list_;
  std::shared_ptr<Device> device_;
  const char* order_ = nullptr;  // of an emulated GPU's threads
};

// The variants that were built and that this processor can run.
inline std::vector<std::string> built_isas() {
  std::vector<std::string> built;
  for (const auto& isa : supported_isas()) {
    KernelList list;
    try {
      open_kernel_library(KERNEL_FOLDER, isa, list);
      built.push_back(isa);
    } catch (const std::runtime_error&) {
      // Not built.
    }
  }
#if defined(RAREFACE_EMULATOR)
  built.emplace_back(kEmulated);
#endif
  return built;
}

// Tests that run once for every variant: on one and on three threads, or in two orders.
class KernelTest : public ::testing::TestWithParam<std::string> {
 protected:
  Kernels one{GetParam(), 1};
  Kernels three{GetParam(), 3};

  // Whether this variant is too slow to be tested with so many products.
  static bool is_too_long(double products) {
    constexpr double kMost = kExactBlocks ? 5e5 : 3e6;  // the less under AddressSanitizer
    return GetParam() == kEmulated && products > kMost;
  }

  void set_precision(Precision precision) { one.precision = three.precision = precision; }

  // Runs on both hosts, expects the same bits from both, and returns the values.
  std::vector<float> run(const std::string& name, std::vector<const Tensor*> in, Shape shape,
                         std::vector<double> attrs = {}) {
    return run_all(name, std::move(in), {std::move(shape)}, std::move(attrs))[0];
  }

  // The same for a kernel of several outputs.
  std::vector<std::vector<float>> run_all(const std::string& name, std::vector<const Tensor*> in,
                                          const std::vector<Shape>& shapes,
                                          std::vector<double> attrs = {}) {
    std::list<Tensor> a, b;
    std::vector<const Tensor*> to_a, to_b;
    for (const Shape& shape : shapes) {
      to_a.push_back(&a.emplace_back(shape));
      to_b.push_back(&b.emplace_back(shape));
    }
    one.run(name, in, to_a, attrs);
    three.run(name, in, to_b, attrs);
    std::vector<std::vector<float>> values;
    for (std::size_t i = 0; i < to_a.size(); ++i) {
      EXPECT_TRUE(to_a[i]->same_bits(*to_b[i]))
          << "output " << i << " of " << name
          << " depends on the number of threads, or on their order";
      values.push_back(to_a[i]->values());
    }
    return values;
  }
};

// Of a variant, as GoogleTest takes it.
inline std::string name_of(std::string isa) {
  std::replace(isa.begin(), isa.end(), '-', '_');
  return isa;
}

// |actual - expected| <= tolerance * max(1, |expected|), element by element.
inline void expect_close(const std::vector<float>& actual, const std::vector<float>& expected,
                         float tolerance, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * std::max(1.0f, std::abs(expected[i])))
        << what << " at " << i;
}

}  // namespace rareface::testing

#define INSTANTIATE_KERNEL_TESTS(suite)                                            \
  INSTANTIATE_TEST_SUITE_P(Isa, suite, ::testing::ValuesIn(testing::built_isas()), \
                           [](const auto& info) { return testing::name_of(info.param); })
