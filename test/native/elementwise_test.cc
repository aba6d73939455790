// Elementwise, reduction and movement kernels: exact small cases, and sizes around every vector
// width.
#include <cmath>
#include <functional>
#include <limits>

#include "kernels.h"

namespace rareface {
namespace {

using testing::expect_close;
using testing::Shape;
using testing::Tensor;

using ElementwiseTest = testing::KernelTest;

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

// Empty, one, one more and less than vectors of 4, 8 and 16, several tasks.
const std::int64_t kSizes[] = {0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 255, 1000, 100003};

TEST_P(ElementwiseTest, UnaryMatchesTheStandardLibraryAtEverySize) {
  const struct {
    const char* name;
    std::function<double(double)> expected;
    std::vector<double> attrs;
  } cases[] = {
      {"Relu", [](double x) { return x > 0 ? x : 0; }, {}},
      {"LeakyRelu", [](double x) { return x > 0 ? x : 0.2f * x; }, {0.2f}},
      {"Neg", [](double x) { return -x; }, {}},
      {"Abs", [](double x) { return std::fabs(x); }, {}},
      {"Square", [](double x) { return x * x; }, {}},
      {"Exp", [](double x) { return std::exp(x); }, {}},
      {"Tanh", [](double x) { return std::tanh(x); }, {}},
      {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, {}},
      {"Softplus", [](double x) { return std::log1p(std::exp(x)); }, {}},
  };
  for (const auto& one_case : cases) {
    for (const std::int64_t n : kSizes) {
      const auto x = Tensor::random({n}, static_cast<unsigned>(n));
      std::vector<float> expected;
      for (const float v : x->values())
        expected.push_back(static_cast<float>(one_case.expected(v)));
      expect_close(run(one_case.name, {x.get()}, {n}, one_case.attrs), expected, 2e-6f,
                   one_case.name);
    }
  }
}

TEST_P(ElementwiseTest, SpecialValuesTravelAsInJavaScript) {
  // 17 values, so that a full vector and a tail both see them.
  std::vector<float> values(17, 1.0f);
  for (const std::size_t at : {std::size_t{1}, std::size_t{16}}) {
    values[at] = kNan;
    const Tensor x({17}, values);
    for (const char* name : {"Relu", "Exp", "Tanh", "Sigmoid", "Sqrt", "Neg", "Abs"})
      EXPECT_TRUE(std::isnan(run(name, {&x}, {17})[at])) << name;
  }
  const Tensor x({4}, {kInf, -kInf, 0.0f, -0.0f});
  EXPECT_EQ(run("Exp", {&x}, {4}), (std::vector<float>{kInf, 0, 1, 1}));
  EXPECT_EQ(run("Tanh", {&x}, {4}), (std::vector<float>{1, -1, 0, 0}));
  EXPECT_EQ(run("Relu", {&x}, {4}), (std::vector<float>{kInf, 0, 0, 0}));
  EXPECT_EQ(run("Log", {&x}, {4})[2], -kInf);
}

TEST_P(ElementwiseTest, BinaryBroadcasts) {
  const Tensor column({2, 1}, {1, 2}), row({3}, {10, 20, 30}), one({}, {5});
  EXPECT_EQ(run("Add", {&column, &row}, {2, 3}), (std::vector<float>{11, 21, 31, 12, 22, 32}));
  EXPECT_EQ(run("Multiply", {&column, &row}, {2, 3}), (std::vector<float>{10, 20, 30, 20, 40, 60}));
  EXPECT_EQ(run("Sub", {&row, &one}, {3}), (std::vector<float>{5, 15, 25}));
  EXPECT_EQ(run("Sub", {&one, &row}, {3}), (std::vector<float>{-5, -15, -25}));
  const Tensor zero({1}, {0});
  EXPECT_EQ(run("RealDiv", {&row, &zero}, {3}), (std::vector<float>{kInf, kInf, kInf}));
}

TEST_P(ElementwiseTest, BinaryAtEverySize) {
  for (const std::int64_t n : kSizes) {
    const auto a = Tensor::random({n}, 1), b = Tensor::random({n}, 2);
    const auto sum = run("Add", {a.get(), b.get()}, {n});
    for (std::int64_t i = 0; i < n; ++i)
      ASSERT_EQ(sum[static_cast<std::size_t>(i)], (*a)[i] + (*b)[i]);
  }
}

TEST_P(ElementwiseTest, BinaryRefusesShapesThatDoNotFit) {
  const Tensor two({2}, {1, 2}), three({3}, {1, 2, 3}), out({3});
  EXPECT_THROW(one.run("Add", {&two, &three}, {&out}), std::runtime_error);
  EXPECT_THROW(one.run("Add", {&two}, {&out}), std::runtime_error);
}

TEST_P(ElementwiseTest, ReductionsOverEveryChoiceOfAxes) {
  const Shape shape = {3, 5, 2, 17};
  const auto x = Tensor::random(shape, 7);
  for (unsigned mask = 0; mask < 16; ++mask) {
    Shape kept;
    std::vector<double> axes;
    for (unsigned axis = 0; axis < 4; ++axis) {
      if (mask >> axis & 1)
        axes.push_back(axis);
      else
        kept.push_back(shape[axis]);
    }
    std::int64_t outputs = 1;
    for (const auto dim : kept) outputs *= dim;
    std::vector<double> sum(static_cast<std::size_t>(outputs));
    std::vector<float> top(static_cast<std::size_t>(outputs), -kInf);
    for (std::int64_t i = 0; i < x->size(); ++i) {
      std::int64_t at = 0, rest = i, stride = 1;
      for (int axis = 3; axis >= 0; --axis) {
        const std::int64_t index = rest % shape[static_cast<std::size_t>(axis)];
        rest /= shape[static_cast<std::size_t>(axis)];
        if (mask >> axis & 1) continue;
        at += index * stride;
        stride *= shape[static_cast<std::size_t>(axis)];
      }
      sum[static_cast<std::size_t>(at)] += (*x)[i];
      top[static_cast<std::size_t>(at)] = std::max(top[static_cast<std::size_t>(at)], (*x)[i]);
    }
    std::vector<float> sums(sum.begin(), sum.end()), means;
    for (const double s : sum)
      means.push_back(
          static_cast<float>(s * static_cast<double>(outputs) / static_cast<double>(x->size())));
    const std::string what = "axes " + std::to_string(mask);
    expect_close(run("Sum", {x.get()}, kept, axes), sums, 1e-5f, what);
    expect_close(run("Mean", {x.get()}, kept, axes), means, 1e-6f, what);
    EXPECT_EQ(run("Max", {x.get()}, kept, axes), top) << what;
  }
}

TEST_P(ElementwiseTest, LongSumsStayExact) {
  const std::int64_t n = 1 << 20;
  const Tensor x({n}, std::vector<float>(static_cast<std::size_t>(n), 0.1f));
  EXPECT_NEAR(run("Sum", {&x}, {}, {0})[0], 104857.6f, 0.1f);
}

TEST_P(ElementwiseTest, Movement) {
  const Tensor x({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(run("Transpose", {&x}, {3, 2}, {1, 0}), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(run("Slice", {&x}, {2, 2}, {0, 1}), (std::vector<float>{2, 3, 5, 6}));
  EXPECT_EQ(run("Concat", {&x, &x}, {2, 6}, {1}),
            (std::vector<float>{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  EXPECT_EQ(run("PadV2", {&x}, {3, 4}, {1, 0, 9}),
            (std::vector<float>{9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9}));
  EXPECT_EQ(run("MirrorPad", {&x}, {2, 5}, {0, 1, 1}),
            (std::vector<float>{2, 1, 2, 3, 2, 5, 4, 5, 6, 5}));
  const Tensor whole({1}, DType::int32), padded({2}, DType::int32);
  whole.view().i32_out()[0] = 7;
  for (const auto& [fill, value] : {std::pair{std::nan(""), 0}, std::pair{4294967301.0, 5}}) {
    one.run("PadV2", {&whole}, {&padded}, {1, fill});
    EXPECT_EQ(padded.view().i32()[0], value);
    EXPECT_EQ(padded.view().i32()[1], 7);
  }
  const Tensor out({2, 2});
  EXPECT_THROW(one.run("Slice", {&x}, {&out}, {0, 2}), std::runtime_error);
  EXPECT_THROW(one.run("Transpose", {&x}, {&out}, {0, 0}), std::runtime_error);
}

TEST_P(ElementwiseTest, TransposesEveryOrderOfFourAxes) {
  const Shape shape = {2, 33, 5, 37};
  const auto x = Tensor::random(shape, 11);
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    Shape to;
    for (const auto axis : order) to.push_back(shape[axis]);
    const auto y = run("Transpose", {x.get()}, to, {order.begin(), order.end()});
    std::size_t at = 0;
    std::int64_t index[4];
    for (index[order[0]] = 0; index[order[0]] < to[0]; ++index[order[0]])
      for (index[order[1]] = 0; index[order[1]] < to[1]; ++index[order[1]])
        for (index[order[2]] = 0; index[order[2]] < to[2]; ++index[order[2]])
          for (index[order[3]] = 0; index[order[3]] < to[3]; ++index[order[3]])
            ASSERT_EQ(y[at++], (*x)[((index[0] * 33 + index[1]) * 5 + index[2]) * 37 + index[3]]);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_P(ElementwiseTest, SoftmaxRowsSumToOne) {
  const Tensor x({2, 3}, {1000, 1000, 1000, 0, std::log(2.0f), std::log(5.0f)});
  expect_close(run("Softmax", {&x}, {2, 3}), {1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 0.125f, 0.25f, 0.625f},
               1e-6f, "softmax");
}

// A call that makes no sense ends in an exception, never in a crash.
TEST_P(ElementwiseTest, EveryKernelRefusesACallWithoutTensors) {
  for (const auto& entry : one.list().entries())
    EXPECT_THROW(one.run(entry.name, {}, {}), std::runtime_error) << entry.name;
}

INSTANTIATE_KERNEL_TESTS(ElementwiseTest);

}  // namespace
}  // namespace rareface
