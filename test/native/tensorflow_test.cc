// What can be seen of the TensorFlow ops without TensorFlow.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensorflow/encoded_call.h"
#include "tensorflow/ops.h"

namespace rareface::tensorflow {
namespace {

std::string message_of(const auto& body) {
  try {
    body();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

// Kernel 7 in bfloat16 with attributes 0.1 and -3, float32[2,3] -> float32[] and int32[4].
std::vector<std::int32_t> call() {
  std::vector<std::int32_t> numbers = {7, 1, 1, 2, 2};
  for (const double attr : {0.1, -3.0}) {
    std::int32_t halves[2];
    std::memcpy(halves, &attr, sizeof attr);
    numbers.insert(numbers.end(), {halves[0], halves[1]});
  }
  numbers.insert(numbers.end(), {0, 2, 2, 3, 0, 0, 1, 1, 4});
  return numbers;
}

TEST(EncodedCall, ReadsWhatItWasMadeOf) {
  EncodedCall read;
  auto numbers = call();
  numbers.insert(numbers.end(), 20, -1);  // not read
  for (int again = 0; again < 2; ++again) {
    read.read(numbers);
    EXPECT_EQ(read.kernel, 7U);
    EXPECT_EQ(read.precision, Precision::bfloat16);
    EXPECT_EQ(read.inputs, 1);
    EXPECT_EQ(read.outputs, 2);
    EXPECT_EQ(read.attrs, (std::vector<double>{0.1, -3}));
    ASSERT_EQ(read.views.size(), 3U);
    EXPECT_EQ(describe(read.views[0]), "float32[2,3]");
    EXPECT_EQ(describe(read.views[1]), "float32[]");
    EXPECT_EQ(describe(read.views[2]), "int32[4]");
  }
}

TEST(EncodedCall, RefusesWhatIsNone) {
  EncodedCall read;
  const auto whole = call();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::vector<std::int32_t> part(whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(message_of([&] { read.read(part); }), "the operands end too early") << length;
  }
  const auto with = [&](std::size_t at, std::int32_t number) {
    auto numbers = whole;
    numbers[at] = number;
    return message_of([&] { read.read(numbers); });
  };
  EXPECT_NE(with(0, -1), "");
  EXPECT_EQ(with(1, 3), "no precision has the number 3");
  EXPECT_NE(with(2, -1), "");
  EXPECT_EQ(with(3, INT32_MAX), "the operands end too early");
  EXPECT_EQ(with(4, INT32_MAX), "the operands end too early");
  EXPECT_EQ(with(9, 3), "no dtype has the number 3");
  EXPECT_EQ(with(10, 7), "tensors of rank 7 are not supported");
}

TEST(Ops, NeedALibtensorflow) {
  for (int again = 0; again < 2; ++again)
    EXPECT_EQ(message_of([] { Ops::open(KERNEL_FOLDER, "portable", 1); }),
              "libtensorflow is not loaded in this process");
  EXPECT_EQ(Ops::opened(), nullptr);
}

}  // namespace
}  // namespace rareface::tensorflow
