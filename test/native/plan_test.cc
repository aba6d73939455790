#include "runtime/plan.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels.h"

namespace rareface {
namespace {

const KernelList& library() {
  static const testing::Kernels kernels("", 1);
  return kernels.list();
}

int number_of(const std::string& kernel) {
  const auto& entries = library().entries();
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].name == kernel) return static_cast<int>(i);
  fail("no kernel is called ", kernel);
}

class PlanTest : public ::testing::Test {
 protected:
  static constexpr int kFloat = 0;
  using Numbers = std::vector<std::int32_t>;
  // A vector of four floats.
  static Numbers operand(int binding, int offset = 0) { return {binding, offset, kFloat, 1, 4}; }
  static Numbers call(const std::string& kernel, const std::vector<Numbers>& operands) {
    Numbers numbers{number_of(kernel), 0, 2, 1, 0};
    for (const auto& part : operands) numbers.insert(numbers.end(), part.begin(), part.end());
    return numbers;
  }
  // y = x + x, z = y * y, with y in the arena: bindings 0 arena, 1 x, 2 z.
  static Numbers sum_and_square(int offset = 1) {
    const Numbers y = operand(0, offset);
    Numbers calls = call("Add", {operand(1), operand(1), y});
    const Numbers square = call("Multiply", {y, y, operand(2)});
    calls.insert(calls.end(), square.begin(), square.end());
    return calls;
  }
  std::vector<float> arena = std::vector<float>(64), x{1, 2, 3, 4}, z = std::vector<float>(4);
  std::vector<Memory::Buffer> bindings() {
    return {{arena.data(), 256}, {x.data(), 16}, {z.data(), 16}};
  }
  std::shared_ptr<Device> device = std::make_shared<CpuHost>(2);
};

TEST_F(PlanTest, RunsItsCallsOnWhatIsBound) {
  Plan plan(sum_and_square(), {}, {}, {}, library(), device);
  plan.run(bindings());
  EXPECT_EQ(z, (std::vector<float>{4, 16, 36, 64}));
  EXPECT_EQ(arena[16], 2);
  x = {0, 1, 0, 1};
  std::vector<float> other(4);
  auto bound = bindings();
  bound[2].data = other.data();
  plan.run(bound);
  EXPECT_EQ(other, (std::vector<float>{0, 4, 0, 4}));
}

TEST_F(PlanTest, RefusesWhatDoesNotFit) {
  EXPECT_THROW(Plan(sum_and_square(4), {}, {}, {}, library(), device).run(bindings()),
               std::runtime_error);
  Plan plan(sum_and_square(), {}, {}, {}, library(), device);
  auto bound = bindings();
  bound[1].bytes = 12;
  EXPECT_THROW(plan.run(bound), std::runtime_error);
  bound = bindings();
  bound.pop_back();
  EXPECT_THROW(plan.run(bound), std::runtime_error);
  EXPECT_EQ(z, std::vector<float>(4));
}

TEST_F(PlanTest, RefusesWhatIsNoPlan) {
  auto calls = sum_and_square();
  for (std::size_t size = 1; size < calls.size(); ++size) {
    if (size == 20) continue;  // the first call alone
    const std::vector<std::int32_t> cut(calls.begin(),
                                        calls.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(Plan(cut, {}, {}, {}, library(), device), std::runtime_error) << size;
  }
  calls[0] = 100000;
  EXPECT_THROW(Plan(calls, {}, {}, {}, library(), device), std::runtime_error);
  calls = sum_and_square();
  calls[1] = 3;  // no precision
  EXPECT_THROW(Plan(calls, {}, {}, {}, library(), device), std::runtime_error);
  calls = sum_and_square();
  calls[4] = 1;  // an attribute that is not there
  EXPECT_THROW(Plan(calls, {}, {}, {}, library(), device), std::runtime_error);
}

TEST_F(PlanTest, NamesTheKernelThatThrows) {
  auto calls = sum_and_square();
  calls[9] = 3;  // x has 3 elements where 4 come out
  try {
    Plan(calls, {}, {}, {}, library(), device).run(bindings());
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("Native kernel Add(float32[3]"), std::string::npos);
  }
}

}  // namespace
}  // namespace rareface
