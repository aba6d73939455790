// Convolutions and matrix products against plain loops in double precision: on every variant, on
// one and three threads to the bit, with nothing read or written outside a tensor.
#include <limits>

#include "geometry.h"

namespace rareface {
namespace {

using testing::expect_close;
using testing::Geometry;
using testing::Shape;
using testing::Tensor;

using ConvTest = testing::KernelTest;

std::vector<float> rounded(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

// Around the tiles (14 or 6 rows, 32, 16 or 8 columns), the vectors and the passes along K.
const Geometry kGeometries[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 0},
    {1, 1, 1, 16, 20, 3, 3, 1, 1, 1},
    {1, 2, 2, 1, 5, 3, 3, 1, 1, 1},
    {1, 3, 3, 1, 1, 3, 3, 1, 1, 0},
    // A stride larger than the image; nothing in the batch; no channels in, and none out.
    {2, 3, 2, 5, 6, 2, 2, 1000000, 1, 1},
    {0, 5, 4, 20, 30, 3, 3, 1, 1, 1},
    {0, 5, 4, 20, 3, 3, 3, 1, 1, 1},
    {1, 5, 4, 0, 30, 3, 3, 1, 1, 1},
    {1, 5, 4, 0, 3, 3, 3, 2, 1, 1},
    {1, 5, 4, 20, 0, 3, 3, 1, 1, 1},
    {1, 5, 4, 3, 0, 3, 3, 2, 1, 1},
    {1, 2, 7, 16, 32, 1, 1, 1, 1, 0},
    {1, 3, 5, 17, 33, 3, 3, 1, 1, 1},
    {2, 7, 6, 15, 31, 3, 2, 1, 1, 1},
    {1, 9, 8, 1, 20, 7, 7, 1, 1, 3},
    {2, 8, 9, 3, 9, 4, 4, 2, 1, 1},
    {1, 9, 7, 40, 1, 5, 5, 1, 1, 2},
    {1, 6, 7, 18, 3, 3, 3, 1, 1, 1},
    {1, 6, 5, 2, 4, 3, 3, 1, 1, 1},
    {1, 11, 9, 7, 18, 3, 3, 2, 1, 1},
    {1, 10, 8, 5, 6, 2, 2, 3, 1, 0},
    {1, 9, 10, 4, 5, 3, 3, 1, 2, 2},
    {1, 8, 7, 6, 7, 3, 2, 2, 3, 3},
    {1, 2, 2, 300, 35, 3, 3, 1, 1, 1},
    // Nothing outside the image, so that a row of the filter is one segment.
    {2, 9, 8, 20, 3, 3, 3, 1, 1, 0},
    {1, 9, 9, 20, 64, 4, 4, 2, 1, 0},
    // Tap by tap: with filters where they lie, in two parts, packed, and packed for several tasks.
    {2, 6, 5, 70, 64, 4, 4, 1, 1, 1},
    {1, 2, 2, 64, 37, 5, 5, 1, 1, 2},
    {1, 5, 5, 260, 32, 4, 4, 1, 1, 1},
    {1, 2, 2, 33, 1030, 4, 4, 1, 1, 1},
    {1, 12, 12, 32, 150, 4, 4, 2, 1, 1},
    {1, 1, 2, 2700, 3, 1, 1, 1, 1, 0},
    {2, 20, 17, 3, 40, 3, 3, 1, 1, 1},
    // By Winograd's method: with each tile, with shared filters, with many tiles.
    {2, 12, 12, 70, 44, 3, 3, 1, 1, 1},
    {3, 6, 6, 130, 75, 3, 3, 1, 1, 1},
    {9, 2, 2, 60, 70, 3, 3, 1, 1, 1},
    {1, 14, 14, 290, 32, 3, 3, 1, 1, 0},
    {2, 26, 23, 40, 35, 3, 3, 1, 1, 1},
    {1, 4, 40, 20, 18, 3, 3, 1, 1, 2},
};

TEST_P(ConvTest, ForwardAndGradientsMatchPlainLoops) {
  for (const Geometry& g : kGeometries) {
    if (is_too_long(g.products())) continue;
    const auto x = Tensor::random(g.x(), 1), w = Tensor::random(g.filter(), 2),
               dy = Tensor::random(g.y(), 3);
    std::vector<double> y(static_cast<std::size_t>(dy->size()));
    std::vector<double> dx(static_cast<std::size_t>(x->size()));
    std::vector<double> dw(static_cast<std::size_t>(w->size()));
    g.for_products([&](std::int64_t i, std::int64_t k, std::int64_t o) {
      y[static_cast<std::size_t>(o)] += static_cast<double>((*x)[i]) * (*w)[k];
      dx[static_cast<std::size_t>(i)] += static_cast<double>((*dy)[o]) * (*w)[k];
      dw[static_cast<std::size_t>(k)] += static_cast<double>((*x)[i]) * (*dy)[o];
    });
    // Sums of up to 2,700 normal products, of size about 50: Winograd's method keeps 6e-6 of that.
    constexpr float kTolerance = 3e-4f;
    expect_close(run("Conv2D", {x.get(), w.get()}, g.y(), g.attrs()), rounded(y), kTolerance, "y");
    expect_close(run("Conv2DBackpropInput", {dy.get(), w.get()}, g.x(), g.attrs()), rounded(dx),
                 kTolerance, "dx");
    expect_close(run("Conv2DBackpropFilter", {x.get(), dy.get()}, g.filter(), g.attrs()),
                 rounded(dw), kTolerance, "dfilter");
  }
}

TEST_P(ConvTest, DepthwiseMatchesPlainLoops) {
  for (const std::int64_t multiplier : {1, 3}) {
    const std::int64_t channels = 19, out = channels * multiplier, size = 7;
    const auto x = Tensor::random({2, size, size, channels}, 1);
    const auto w = Tensor::random({3, 3, channels, multiplier}, 2);
    const auto dy = Tensor::random({2, size, size, out}, 3);
    std::vector<double> y(static_cast<std::size_t>(dy->size()));
    std::vector<double> dx(static_cast<std::size_t>(x->size()));
    std::vector<double> dw(static_cast<std::size_t>(w->size()));
    // One channel's products are those of a convolution from one channel to `multiplier`.
    const Geometry g{2, size, size, 1, multiplier, 3, 3, 1, 1, 1};
    for (std::int64_t c = 0; c < channels; ++c)
      g.for_products([&](std::int64_t i, std::int64_t k, std::int64_t o) {
        const std::int64_t xi = i * channels + c;
        const std::int64_t wi = (k / multiplier * channels + c) * multiplier + k % multiplier;
        const std::int64_t yi = (o / multiplier * channels + c) * multiplier + o % multiplier;
        y[static_cast<std::size_t>(yi)] += static_cast<double>((*x)[xi]) * (*w)[wi];
        dx[static_cast<std::size_t>(xi)] += static_cast<double>((*dy)[yi]) * (*w)[wi];
        dw[static_cast<std::size_t>(wi)] += static_cast<double>((*x)[xi]) * (*dy)[yi];
      });
    const auto attrs = g.attrs();
    const auto shape = [](const Tensor& t) {
      return Shape(t.view().dims, t.view().dims + t.view().rank);
    };
    expect_close(run("DepthwiseConv2dNative", {x.get(), w.get()}, shape(*dy), attrs), rounded(y),
                 1e-4f, "y");
    expect_close(run("DepthwiseConv2dNativeBackpropInput", {dy.get(), w.get()}, shape(*x), attrs),
                 rounded(dx), 1e-4f, "dx");
    expect_close(run("DepthwiseConv2dNativeBackpropFilter", {x.get(), dy.get()}, shape(*w), attrs),
                 rounded(dw), 1e-4f, "dfilter");
  }
}

TEST_P(ConvTest, MatrixProductsMatchPlainLoops) {
  const std::int64_t sizes[][3] = {{1, 1, 1},   {14, 16, 32}, {15, 17, 33}, {7, 300, 2},
                                   {40, 3, 70}, {5, 2600, 9}, {20, 5, 1},   {3, 0, 4}};
  for (const auto& [m, k, n] : sizes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const auto a = Tensor::random(ta ? Shape{2, k, m} : Shape{2, m, k}, 1);
        const auto b = Tensor::random(tb ? Shape{2, n, k} : Shape{2, k, n}, 2);
        std::vector<double> expected;
        for (std::int64_t s = 0; s < 2; ++s)
          for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t j = 0; j < n; ++j) {
              double sum = 0;
              for (std::int64_t l = 0; l < k; ++l)
                sum += static_cast<double>((*a)[s * m * k + (ta ? l * m + i : i * k + l)]) *
                       (*b)[s * k * n + (tb ? j * k + l : l * n + j)];
              expected.push_back(sum);
            }
        expect_close(run("BatchMatMul", {a.get(), b.get()}, {2, m, n},
                         {static_cast<double>(ta), static_cast<double>(tb)}),
                     rounded(expected), 1e-4f, "product");
      }
}

TEST_P(ConvTest, MatrixProductsTakeEmptyMatrices) {
  const auto a = Tensor::random({3, 20}, 1), none = Tensor::random({20, 0}, 2);
  const auto flat = Tensor::random({3, 0}, 3), low = Tensor::random({0, 4}, 4);
  EXPECT_TRUE(run("BatchMatMul", {a.get(), none.get()}, {3, 0}, {0, 0}).empty());
  EXPECT_EQ(run("BatchMatMul", {flat.get(), low.get()}, {3, 4}, {0, 0}),
            std::vector<float>(12, 0.0f));
}

TEST_P(ConvTest, ImpossibleCallsThrow) {
  const auto x = Tensor::random({1, 4, 4, 3}, 1), w = Tensor::random({3, 3, 2, 5}, 2);
  const Tensor y({1, 4, 4, 5});
  EXPECT_THROW(one.run("Conv2D", {x.get(), w.get()}, {&y}, {1, 1, 1, 1, 1, 1}), std::runtime_error);
  const auto fits = Tensor::random({3, 3, 3, 5}, 2);
  EXPECT_THROW(one.run("Conv2D", {x.get(), fits.get()}, {&y}, {0, 1, 1, 1, 1, 1}),
               std::runtime_error);
  EXPECT_THROW(one.run("Conv2D", {x.get(), fits.get()}, {&y}, {1, 1}), std::runtime_error);
  EXPECT_THROW(one.run("BatchMatMul", {x.get(), x.get()}, {&y}, {0, 0}), std::runtime_error);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(one.run("Conv2D", {x.get(), fits.get()}, {&y}, {1, 1, 1, 1, kNone, 1}),
               std::runtime_error);
}

TEST_P(ConvTest, NegativeSizesThrow) {
  // What tfjs computes for a window larger than the image; the two sizes multiply to 4 pixels.
  const auto x = Tensor::random({1, 2, 2, 3}, 1), w = Tensor::random({5, 5, 3, 4}, 2);
  const Tensor y({1, -2, -2, 4});
  EXPECT_THROW(one.run("Conv2D", {x.get(), w.get()}, {&y}, {1, 1, 1, 1, 0, 0}), std::runtime_error);
  EXPECT_THROW(one.run("Conv2DBackpropInput", {&y, w.get()}, {x.get()}, {1, 1, 1, 1, 0, 0}),
               std::runtime_error);
}

INSTANTIATE_KERNEL_TESTS(ConvTest);

}  // namespace
}  // namespace rareface
