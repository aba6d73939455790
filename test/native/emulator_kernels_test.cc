// Every kernel for GPUs that the tests of all variants do not call: what it gives in the emulator,
// in two orders to the same bits, is what the CPU's gives.
#include <cmath>
#include <memory>

#include "kernels.h"

namespace rareface {
namespace {

using testing::Kernels;
using testing::Shape;
using testing::Tensor;
using Given = std::shared_ptr<Tensor>;

Given floats(Shape shape, unsigned seed = 1) { return Tensor::random(std::move(shape), seed); }

// Numbers from `low` on, `count` of them, in no order.
template <class T>
Given numbers(Shape shape, DType dtype, int low, int count) {
  auto tensor = std::make_shared<Tensor>(std::move(shape), dtype);
  auto* values = static_cast<T*>(tensor->view().data);
  for (std::int64_t i = 0; i < tensor->size(); ++i)
    values[i] = static_cast<T>(low + static_cast<int>((i * 7 + i / 5) % count));
  return tensor;
}
Given ints(Shape shape, int low, int count) {
  return numbers<std::int32_t>(std::move(shape), DType::int32, low, count);
}
Given bools(Shape shape) { return numbers<std::uint8_t>(std::move(shape), DType::boolean, 0, 2); }

Given numbers_like(const Given& x, Shape shape) {
  switch (x->view().dtype) {
    case DType::float32:
      return floats(std::move(shape));
    case DType::int32:
      return ints(std::move(shape), -3, 40);
    case DType::boolean:
      return bools(std::move(shape));
  }
  return nullptr;
}

struct Wanted {
  Shape shape;
  DType dtype = DType::float32;
};

class EmulatedKernels : public ::testing::Test {
 protected:
  Kernels cpu{"", 2}, forward{testing::kEmulated, 1}, shuffled{testing::kEmulated, 2};

  void compare(const std::string& name, const std::vector<Given>& given,
               const std::vector<Wanted>& wanted, const std::vector<double>& attrs = {},
               double tolerance = 2e-5) {
    SCOPED_TRACE(name);
    std::vector<const Tensor*> in;
    for (const Given& tensor : given) in.push_back(tensor.get());
    std::vector<std::list<Tensor>> results(3);
    Kernels* const kernels[] = {&cpu, &forward, &shuffled};
    for (std::size_t i = 0; i < 3; ++i) {
      std::vector<const Tensor*> out;
      for (const Wanted& one : wanted)
        out.push_back(&results[i].emplace_back(one.shape, one.dtype));
      ASSERT_NO_THROW(kernels[i]->run(name, in, out, attrs));
    }
    auto once = results[1].begin(), again = results[2].begin();
    for (const Tensor& expected : results[0]) {
      EXPECT_TRUE(once->same_bits(*again)) << "depends on the order of threads";
      expect_same(*once++, expected, tolerance);
      ++again;
    }
  }

  static void expect_same(const Tensor& actual, const Tensor& expected, double tolerance) {
    if (expected.view().dtype != DType::float32) {
      EXPECT_TRUE(actual.same_bits(expected));
      return;
    }
    for (std::int64_t i = 0; i < expected.size(); ++i) {
      const float e = expected[i], a = actual[i];
      if (std::isnan(e) ? std::isnan(a) : a == e) continue;
      ASSERT_LE(std::abs(a - e), tolerance * std::max(1.0f, std::abs(e))) << "at " << i;
    }
  }
};

// Tensors around multiples of four elements, whose last pack is not whole.
constexpr std::int64_t kSizes[] = {0, 1, 255, 1030};

TEST_F(EmulatedKernels, OfOneTensor) {
  for (const std::int64_t size : kSizes) {
    const Given x = floats({size});
    for (const char* name :
         {"Relu6", "Sign", "Reciprocal", "Elu",  "Selu",  "Expm1", "Log1p", "Rsqrt",
          "Floor", "Ceil", "Round",      "Erf",  "Sin",   "Cos",   "Tan",   "Asin",
          "Acos",  "Atan", "Sinh",       "Cosh", "Asinh", "Acosh", "Atanh"})
      compare(name, {x}, {{{size}}}, {}, std::string(name) == "Tan" ? 1e-3 : 2e-5);
    compare("Step", {x}, {{{size}}}, {0.5});
    compare("ClipByValue", {x}, {{{size}}}, {-0.5, 0.25});
    for (const char* name : {"IsNan", "IsInf", "IsFinite"})
      compare(name, {x}, {{{size}, DType::boolean}});
    compare("LogicalNot", {bools({size})}, {{{size}, DType::boolean}});
    for (const char* name : {"Relu", "Relu6", "Neg", "Abs", "Sign", "Square"})
      compare(name, {ints({size}, -4, 13)}, {{{size}, DType::int32}});
    for (const DType to : {DType::float32, DType::int32, DType::boolean})
      for (const Given& from : {x, ints({size}, -2, 5), bools({size})})
        compare("Cast", {from}, {{{size}, to}});
  }
}

TEST_F(EmulatedKernels, OfTwoTensors) {
  const std::pair<Shape, Shape> shapes[] = {
      {{7, 37}, {7, 37}}, {{3, 1, 40}, {5, 1}}, {{1030}, {1}}, {{0, 3}, {3}}};
  const Shape results[] = {{7, 37}, {3, 5, 40}, {1030}, {0, 3}};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& [a, b] = shapes[i];
    const std::vector<Given> xs{floats(a, 1), floats(b, 2)}, ns{ints(a, -6, 13), ints(b, 1, 5)};
    for (const char* name : {"FloorDiv", "Maximum", "Minimum", "SquaredDifference", "Pow", "Mod"}) {
      compare(name, xs, {{results[i]}});
      compare(name, ns, {{results[i], DType::int32}});
    }
    for (const char* name : {"Atan2", "Prelu", "EluGrad"}) compare(name, xs, {{results[i]}});
    compare("BitwiseAnd", ns, {{results[i], DType::int32}});
    for (const char* name : {"Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual",
                             "LogicalAnd", "LogicalOr", "LogicalXor"})
      for (const auto& both : {xs, ns, std::vector<Given>{bools(a), bools(b)}})
        compare(name, both, {{results[i], DType::boolean}});
  }
  std::vector<Given> terms;
  for (unsigned i = 0; i < 11; ++i) {
    terms.push_back(floats({259}, i));
    compare("AddN", terms, {{{259}}});
  }
}

// Which the CPU has no kernel for.
TEST_F(EmulatedKernels, Chains) {
  // softplus(x) * (y + all) - leaky_relu(x)
  const std::vector<double> attrs{0, 0,  0, 15, 0, 0, 0, 1, 0,   0, 2,  0, 18, 0,
                                  0, 20, 0, 0,  0, 0, 0, 7, 0.2, 0, 19, 0, 0};
  const Given all = floats({1}, 3);
  for (const std::int64_t size : kSizes) {
    const Given x = floats({size}), y = floats({size}, 2);
    Tensor expected({size}), once({size}), again({size});
    for (std::int64_t i = 0; i < size; ++i)
      expected.view().f32_out()[i] = std::log1p(std::exp((*x)[i])) * ((*y)[i] + (*all)[0]) -
                                     (*x)[i] * ((*x)[i] < 0 ? 0.2f : 1.0f);
    forward.run("ElementwiseChain", {x.get(), y.get(), all.get()}, {&once}, attrs);
    shuffled.run("ElementwiseChain", {x.get(), y.get(), all.get()}, {&again}, attrs);
    EXPECT_TRUE(once.same_bits(again));
    expect_same(once, expected, 2e-5);
  }
}

TEST_F(EmulatedKernels, AlongAxes) {
  const Shape shape{3, 70, 5};
  const std::pair<std::vector<double>, Shape> axes[] = {
      {{0}, {70, 5}}, {{1}, {3, 5}}, {{2}, {3, 70}}, {{0, 1, 2}, {}}, {{0, 2}, {70}}};
  for (const auto& [over, rest] : axes) {
    for (const char* name : {"Prod", "Min", "Max", "Mean"})
      compare(name, {floats(shape)}, {{rest}}, over);
    for (const char* name : {"Prod", "Min", "Sum"})
      compare(name, {ints(shape, -1, 3)}, {{rest, DType::int32}}, over);
    for (const char* name : {"All", "Any", "Min"})
      compare(name, {bools(shape)}, {{rest, DType::boolean}}, over);
    if (over.size() > 1) continue;
    for (const char* name : {"ArgMax", "ArgMin"})
      for (const Given& x : {floats(shape), ints(shape, -9, 20), bools(shape)})
        compare(name, {x}, {{rest, DType::int32}}, over);
  }
  for (const char* name : {"Cumsum", "Cumprod"})
    for (const double exclusive : {0, 1})
      for (const double reverse : {0, 1}) {
        compare(name, {floats(shape)}, {{shape}}, {exclusive, reverse});
        compare(name, {ints(shape, -1, 3)}, {{shape, DType::int32}}, {exclusive, reverse});
      }
}

TEST_F(EmulatedKernels, ThatMoveElements) {
  for (const Given& x : {floats({4, 9, 6}), ints({4, 9, 6}, -3, 40), bools({4, 9, 6})}) {
    const DType dtype = x->view().dtype;
    compare("StridedSlice", {x}, {{{2, 4, 3}, dtype}}, {3, 1, 0, -2, 2, 2});
    compare("Tile", {x}, {{{8, 9, 18}, dtype}});
    compare("Reverse", {x}, {{{4, 9, 6}, dtype}}, {0, 2});
    compare("Select", {bools({4}), x, x}, {{{4, 9, 6}, dtype}});
    compare("GatherV2", {numbers_like(x, {2, 3, 5, 7}), ints({2, 4}, 0, 5)},
            {{{2, 3, 4, 7}, dtype}});
    compare("GatherNd", {numbers_like(x, {12, 5}), ints({7, 2}, 0, 3)}, {{{7, 5}, dtype}}, {4, 1});
    compare("Fill", {}, {{{37}, dtype}}, {3});
    if (dtype == DType::boolean) continue;
    compare("ScatterNd", {numbers_like(x, {7, 5}), ints({7, 2}, 0, 3)}, {{{12, 5}, dtype}}, {4, 1});
    compare("UnsortedSegmentSum", {numbers_like(x, {9, 6}), ints({9}, -1, 5)}, {{{3, 6}, dtype}});
    compare("Range", {}, {{{19}, dtype}}, {2, 3});
    compare("OneHot", {ints({11}, -1, 6)}, {{{11, 4}, dtype}}, {4, 7, -1});
  }
}

TEST_F(EmulatedKernels, OfImages) {
  const Shape image{2, 9, 8, 5}, pooled{2, 4, 4, 5};
  const std::vector<double> window{2, 2, 1, 1, 3, 2, 0, 0};
  for (const char* name : {"MaxPool", "AvgPool"})
    compare(name, {floats(image)}, {{pooled}}, window);
  compare("MaxPoolGrad", {floats(pooled, 2), floats(image)}, {{image}}, window);
  compare("AvgPoolGrad", {floats(pooled, 2)}, {{image}}, window);
  for (const Shape& resized : {Shape{2, 4, 13, 5}, Shape{2, 17, 3, 5}})
    for (const std::vector<double>& options :
         {std::vector<double>{0, 0}, std::vector<double>{1, 0}, std::vector<double>{0, 1}})
      for (const char* name : {"ResizeBilinear", "ResizeNearestNeighbor"}) {
        compare(name, {floats(image)}, {{resized}}, options);
        if (options[1] == 0)
          compare(name + std::string("Grad"), {floats(resized)}, {{image}}, options);
      }
}

TEST_F(EmulatedKernels, ThatNormalise) {
  const Given x = floats({6, 37}), dy = floats({6, 37}, 2), scale = floats({37}, 3),
              offset = floats({37}, 4), mean = floats({37}, 5);
  const Given variance = floats({37}, 6);
  for (std::int64_t i = 0; i < 37; ++i)
    variance->view().f32_out()[i] = 0.1f + std::abs((*variance)[i]);
  compare("FusedBatchNorm", {x, mean, variance, offset, scale}, {{{6, 37}}}, {1e-3, 1, 1});
  compare("FusedBatchNorm", {x, mean, variance}, {{{6, 37}}}, {1e-3, 0, 0});
  for (const double relu : {0, 1}) {
    compare("BatchNormTrain", {x, scale, offset}, {{{6, 37}}, {{37}}, {{37}}}, {1e-3, relu});
    compare("BatchNormTrainGrad", {x, dy, scale, mean, variance, floats({6, 37}, 7)},
            {{{6, 37}}, {{37}}, {{37}}}, {relu}, 1e-4);
  }
}

TEST_F(EmulatedKernels, WithAnEpilogue) {
  const std::vector<double> conv{2, 2, 1, 1, 1, 1};
  const auto and_then = [](std::vector<double> attrs, std::vector<double> epilogue) {
    attrs.insert(attrs.end(), epilogue.begin(), epilogue.end());
    return attrs;
  };
  for (const std::int64_t out : {3, 20})
    for (const double activation : {0, 1, 4}) {
      const std::vector<double> epilogue{activation, 0.2, 1, 0};
      compare("FusedConv2D", {floats({1, 7, 6, 9}), floats({3, 3, 9, out}, 2), floats({out}, 3)},
              {{{1, 4, 3, out}}}, and_then(conv, epilogue));
      compare("_FusedMatMul", {floats({1, 13, 40}), floats({1, 40, out}, 2), floats({out}, 3)},
              {{{1, 13, out}}}, and_then({0, 0}, epilogue));
    }
  compare("FusedDepthwiseConv2D", {floats({1, 7, 6, 9}), floats({3, 3, 9, 2}, 2), floats({18}, 3)},
          {{{1, 4, 3, 18}}}, and_then(conv, {1, 0, 1, 0}));
}

// When all tests have run: no kernel for GPUs is without one.
class EveryKernelIsCalled : public ::testing::Environment {
  void TearDown() override {
    const char* shares = std::getenv("GTEST_TOTAL_SHARDS");
    if (::testing::GTEST_FLAG(filter) != "*" || (shares && std::string(shares) != "1")) return;
    const Kernels gpu(testing::kEmulated, 1);
    for (const auto& kernel : gpu.list().entries())
      EXPECT_TRUE(testing::called_on_gpu.contains(kernel.name)) << "no test calls " << kernel.name;
  }
};
const auto* const every_kernel_is_called =
    ::testing::AddGlobalTestEnvironment(std::make_unique<EveryKernelIsCalled>().release());

}  // namespace
}  // namespace rareface
