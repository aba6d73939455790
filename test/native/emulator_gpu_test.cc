// A GPU as a device (native/cuda/device.cu), on the emulator: what users' machines lack, memory
// that runs out, kernels that fail, plans as graphs.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/kernel_library.h"
#include "runtime/memory.h"
#include "runtime/plan.h"

namespace rareface {
namespace {

// A variable of the environment, for a scope.
class Setting {
 public:
  Setting(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Setting() { unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
};

struct Machine : Setting {
  explicit Machine(const char* words) : Setting("RAREFACE_EMULATOR_MACHINE", words) {}
};

struct Order : Setting {
  explicit Order(const char* name) : Setting("RAREFACE_EMULATOR_ORDER", name) {}
};

constexpr const char* kNothingThrown = "nothing was thrown";

std::shared_ptr<Device> open(KernelList& list, int number = 0) {
  return open_gpu(KERNEL_FOLDER, "cuda-emulated", number, list);
}

template <class F>
std::string thrown_by(F&& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return kNothingThrown;
}

std::string refusal(const char* machine, int number = 0) {
  const Machine played(machine);
  KernelList list;
  return thrown_by([&] { open(list, number); });
}

TEST(Gpu, SaysWhatAMachineLacks) {
  const auto expect = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(refusal("driver=0"), "there is no NVIDIA driver");
  expect(refusal("driver=12020"), "too old: it knows CUDA 12.2, expected");
  expect(refusal("devices=0"), "shows no GPU");
  expect(refusal("capability=75"), "compute capability 7.5, expected 8.0");
  expect(refusal("", 1), "there is no GPU 1: 1 found");
  KernelList list;
  expect(thrown_by([&] { open_gpu("/nowhere", "cuda", 0, list); }), "built without cuda kernels");
}

int number_of(const KernelList& list, const std::string& kernel) {
  for (std::size_t i = 0; i < list.entries().size(); ++i)
    if (list.entries()[i].name == kernel) return static_cast<int>(i);
  fail("no kernel is called ", kernel);
}

class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    device = open(list);
    memory.emplace(*device);
  }
  Memory::Buffer buffer(const std::vector<float>& values) {
    const auto made = memory->at(memory->allocate(values.size() * sizeof(float)));
    device->write(made.data, values.data(), made.bytes);
    return made;
  }
  std::vector<float> values(const Memory::Buffer& buffer) {
    std::vector<float> read(buffer.bytes / sizeof(float));
    device->read(read.data(), buffer.data, buffer.bytes);
    return read;
  }
  KernelList list;
  std::shared_ptr<Device> device;
  std::optional<Memory> memory;
};

TEST_F(GpuTest, GivesBackWhatIsPooledBeforeMemoryRunsOut) {
  const Machine played("memory=4000000");
  const int first = memory->allocate(3'000'000);
  const std::string text = thrown_by([&] { memory->allocate(2'000'000); });
  EXPECT_NE(text.find("out of GPU memory: no room for"), std::string::npos) << text;
  EXPECT_NE(text.find("smaller batch size"), std::string::npos) << text;
  memory->release(first);
  EXPECT_EQ(memory->use().pooled_bytes > 0, !kExactBlocks);
  const int second = memory->allocate(2'000'000);
  EXPECT_EQ(memory->use().pooled_bytes, 0u);
  EXPECT_EQ(values(buffer({1, 2})), (std::vector<float>{1, 2}));  // it goes on
  memory->release(second);
}

TEST_F(GpuTest, LetsGoOfWhatIsWrittenAtOnce) {
  // More than passes through its staging memory in one go, and no multiple of it.
  std::vector<float> large(3'000'001);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<float>(i);
  const std::vector<float> before = large;
  const auto first = buffer(large);
  large.assign(large.size(), -1);
  const auto second = buffer(large);
  EXPECT_EQ(values(first), before);
  EXPECT_EQ(values(second), large);
}

// y = x + x, z = y * y, with y in the arena: bindings 0 arena, 1 x, 2 z.
class GpuPlanTest : public GpuTest {
 protected:
  using Numbers = std::vector<std::int32_t>;
  std::unique_ptr<Plan> plan(const Numbers& moving, const Numbers& turns = {}) {
    const Numbers calls = both(call("Add", {1, 1, 0}), call("Multiply", {0, 0, 2}));
    return std::make_unique<Plan>(calls, std::span<const double>{}, turns, moving, list, device);
  }
  // Of two inputs and a result, each four floats.
  Numbers call(const char* kernel, const std::vector<int>& bindings) const {
    Numbers numbers{number_of(list, kernel), 0, 2, 1, 0};
    for (const int binding : bindings) numbers.insert(numbers.end(), {binding, 0, 0, 1, 4});
    return numbers;
  }
  static Numbers both(Numbers calls, const Numbers& more) {
    calls.insert(calls.end(), more.begin(), more.end());
    return calls;
  }
};

// Two lanes do y = x + x and z = x * x, and one of them y - z.
TEST_F(GpuPlanTest, RunsLanesInAnyOrderThatTheyAllow) {
  const Numbers calls =
      both(both(call("Add", {0, 0, 1}), call("Multiply", {0, 0, 2})), call("Sub", {1, 2, 3}));
  const auto x = buffer({1, 2, 3, 4}), none = buffer({0, 0, 0, 0});
  const auto run = [&](const Numbers& turns, const char* name) {
    const Order order(name);
    const std::vector<Memory::Buffer> bound{x, buffer({9, 9, 9, 9}), buffer({9, 9, 9, 9}), none};
    Plan(calls, {}, turns, {}, list, device).run(bound);
    return values(none);
  };
  const std::vector<float> right{1, 0, -3, -8};
  for (const char* order : {"forward", "reverse", "shuffled"})
    EXPECT_EQ(run({0, 0, 1, 0, 0, 1, 1}, order), right) << order;
  // Had the last call not waited, what lay there before would show.
  EXPECT_EQ(run({0, 0, 1, 0, 2, 0}, "reverse"), (std::vector<float>{0, 0, 0, 0}));
}

TEST_F(GpuPlanTest, RefusesTurnsThatCannotBe) {
  for (const Numbers& turns : {Numbers{0, 0}, Numbers{0, 0, 0, 0, 0, 0}, Numbers{1, 0, 0, 0},
                               Numbers{0, 0, 1, 1, 1}, Numbers{0, 0, 1, 1, -1}})
    EXPECT_NE(thrown_by([&] { plan({}, turns); }), kNothingThrown);
}

TEST_F(GpuPlanTest, RunsAsAGraphOnWhatIsBoundEveryTime) {
  const auto arena = buffer({0, 0, 0, 0});
  for (const auto& moving : {std::vector<std::int32_t>{1, 2}, std::vector<std::int32_t>{}}) {
    const auto runs = plan(moving);
    const auto x = buffer({1, 2, 3, 4}), z = buffer({0, 0, 0, 0});
    const std::vector<Memory::Buffer> first{arena, x, z};
    runs->run(first);
    EXPECT_EQ(values(z), (std::vector<float>{4, 16, 36, 64}));
    const std::vector<float> other{0, 1, 0, 2};
    device->write(x.data, other.data(), x.bytes);
    runs->run(first);
    EXPECT_EQ(values(z), (std::vector<float>{0, 4, 0, 16}));
    const std::vector<Memory::Buffer> second{arena, buffer({5, 0, 0, 0}), buffer({0, 0, 0, 0})};
    runs->run(second);
    EXPECT_EQ(values(second[2]), (std::vector<float>{100, 0, 0, 0}));
    EXPECT_EQ(values(z), (std::vector<float>{0, 4, 0, 16}));
  }
}

TEST_F(GpuPlanTest, RefusesWhatDoesNotFit) {
  const auto runs = plan({1, 2});
  const std::vector<Memory::Buffer> bound{buffer({0, 0, 0, 0}), buffer({1, 2, 3}),
                                          buffer({0, 0, 0, 0})};
  EXPECT_NE(thrown_by([&] { runs->run(bound); }).find("does not fit its buffer of 12 bytes"),
            std::string::npos);
  const std::vector<Memory::Buffer> missing{bound[0]};
  EXPECT_NE(thrown_by([&] { runs->run(missing); }).find("no binding"), std::string::npos);
}

}  // namespace
}  // namespace rareface
