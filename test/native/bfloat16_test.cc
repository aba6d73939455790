// Products whose factors are rounded to bfloat16, against plain loops in double precision: on every
// variant (where a processor has no such instructions only the AVX-512 one is left out), on one and
// three threads to the bit, with nothing read or written outside a tensor.
#include <cmath>

#include "geometry.h"

namespace rareface {
namespace {

using testing::Geometry;
using testing::Shape;
using testing::Tensor;

class Bfloat16Test : public testing::KernelTest {
 protected:
  void SetUp() override {
    if (GetParam() == "avx512" && supported_precisions(GetParam()).size() == 1)
      GTEST_SKIP() << "this processor has no AVX512_BF16";
    set_precision(Precision::bfloat16);
  }
};

// Sums of products, and of their squares.
struct Sums {
  std::vector<double> sum, squares;
  explicit Sums(std::int64_t size)
      : sum(static_cast<std::size_t>(size)), squares(static_cast<std::size_t>(size)) {}
  void add(std::int64_t at, double product) {
    sum[static_cast<std::size_t>(at)] += product;
    squares[static_cast<std::size_t>(at)] += product * product;
  }
};

// Each factor keeps 8 bits: its relative error is at most 2^-8, and evenly spread up to that where
// the significand is least. Errors of the products add up as independent numbers do: to 1.2 * 2^-9
// of the root of the sum of the products' squares, and hardly ever to five times that. Winograd's
// method rounds sums and differences of the factors, and adds more of them up: `growth` times that.
void expect_within_rounding(const std::vector<float>& actual, const Sums& expected, double growth,
                            const std::string& what) {
  ASSERT_EQ(actual.size(), expected.sum.size()) << what;
  double errors = 0, squares = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = static_cast<double>(actual[i]) - expected.sum[i];
    ASSERT_LE(std::abs(error), growth * 7 * std::ldexp(1, -9) * std::sqrt(expected.squares[i]))
        << what << " at " << i << " of " << actual.size();
    errors += error * error;
    squares += expected.squares[i];
  }
  if (actual.size() < 100) return;
  EXPECT_LE(std::sqrt(errors), growth * 1.5 * std::ldexp(1, -9) * std::sqrt(squares)) << what;
  EXPECT_GE(std::sqrt(errors), std::ldexp(1, -11) * std::sqrt(squares))
      << what << " is not rounded";
}

// Around the tiles, the vectors and the elements of two: odd channels, odd widths, all strides.
const Geometry kGeometries[] = {
    {1, 1, 1, 16, 20, 3, 3, 1, 1, 1},     {1, 2, 7, 16, 32, 1, 1, 1, 1, 0},
    {2, 7, 6, 15, 31, 3, 2, 1, 1, 1},     {2, 9, 11, 33, 18, 4, 4, 2, 1, 1},
    {3, 6, 6, 9, 40, 3, 3, 2, 1, 1},      {1, 11, 9, 17, 65, 7, 7, 1, 1, 3},
    {1, 9, 10, 24, 25, 3, 3, 1, 2, 2},    {2, 8, 9, 40, 12, 2, 2, 3, 1, 0},
    {1, 5, 5, 300, 35, 4, 4, 1, 1, 1},    {1, 2, 3, 2700, 9, 1, 1, 1, 1, 0},
    {2, 3, 2, 9, 8, 2, 2, 1000000, 1, 1}, {0, 5, 4, 20, 30, 3, 3, 1, 1, 1},
};

TEST_P(Bfloat16Test, ConvolutionsAreRoundedOnce) {
  for (const Geometry& g : kGeometries) {
    const auto x = Tensor::random(g.x(), 1), w = Tensor::random(g.filter(), 2),
               dy = Tensor::random(g.y(), 3);
    Sums y(dy->size()), dx(x->size()), dw(w->size());
    g.for_products([&](std::int64_t i, std::int64_t k, std::int64_t o) {
      y.add(o, static_cast<double>((*x)[i]) * (*w)[k]);
      dx.add(i, static_cast<double>((*dy)[o]) * (*w)[k]);
      dw.add(k, static_cast<double>((*x)[i]) * (*dy)[o]);
    });
    expect_within_rounding(run("Conv2D", {x.get(), w.get()}, g.y(), g.attrs()), y, 1, "y");
    expect_within_rounding(run("Conv2DBackpropInput", {dy.get(), w.get()}, g.x(), g.attrs()), dx, 1,
                           "dx");
    expect_within_rounding(run("Conv2DBackpropFilter", {x.get(), dy.get()}, g.filter(), g.attrs()),
                           dw, 1, "dfilter");
  }
}

TEST_P(Bfloat16Test, MatrixProductsAreRoundedOnce) {
  const std::int64_t sizes[][3] = {{14, 16, 32}, {15, 17, 33}, {70, 300, 70}, {5, 5201, 9}};
  for (const auto& [m, k, n] : sizes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        const auto a = Tensor::random(ta ? Shape{2, k, m} : Shape{2, m, k}, 1);
        const auto b = Tensor::random(tb ? Shape{2, n, k} : Shape{2, k, n}, 2);
        Sums expected(2 * m * n);
        for (std::int64_t s = 0; s < 2; ++s)
          for (std::int64_t i = 0; i < m; ++i)
            for (std::int64_t j = 0; j < n; ++j)
              for (std::int64_t l = 0; l < k; ++l)
                expected.add((s * m + i) * n + j,
                             static_cast<double>((*a)[s * m * k + (ta ? l * m + i : i * k + l)]) *
                                 (*b)[s * k * n + (tb ? j * k + l : l * n + j)]);
        expect_within_rounding(run("BatchMatMul", {a.get(), b.get()}, {2, m, n},
                                   {static_cast<double>(ta), static_cast<double>(tb)}),
                               expected, 1, "product");
      }
}

// What bfloat16 holds is multiplied exactly, whatever its place: the layout, apart from rounding.
TEST_P(Bfloat16Test, ShortNumbersAreExact) {
  const Geometry g{1, 7, 9, 11, 19, 3, 3, 2, 1, 1};
  const auto short_numbers = [](const Shape& shape, unsigned seed) {
    auto tensor = Tensor::random(shape, seed);
    for (std::int64_t i = 0; i < tensor->size(); ++i)
      tensor->view().f32_out()[i] = std::round(8 * (*tensor)[i]);
    return tensor;
  };
  const auto x = short_numbers(g.x(), 1), w = short_numbers(g.filter(), 2),
             dy = short_numbers(g.y(), 3);
  const auto same_in_both = [&](const std::string& name, std::vector<const Tensor*> in,
                                const Shape& shape) {
    set_precision(Precision::bfloat16);
    const auto rounded = run(name, in, shape, g.attrs());
    set_precision(Precision::float32);
    EXPECT_EQ(rounded, run(name, in, shape, g.attrs())) << name;
  };
  same_in_both("Conv2D", {x.get(), w.get()}, g.y());
  same_in_both("Conv2DBackpropInput", {dy.get(), w.get()}, g.x());
  same_in_both("Conv2DBackpropFilter", {x.get(), dy.get()}, g.filter());
}

TEST_P(Bfloat16Test, RoundsToNearestEven) {
  // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7, 1 + 3 * 2^-8 halfway to an even 1 + 2^-6; NaN and
  // the infinities stay what they are. Each is the one number of a matrix: else NaN spreads.
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  const std::vector<float> values{1.00390625f, 1.01171875f, -1.00390625f, 1.0039064f,
                                  3.0e38f,     1e-30f,      kInfinite,    kNone};
  const std::vector<float> expected{1.0f,      1.015625f, -1.0f,     1.0078125f,
                                    3.004e38f, 1e-30f,    kInfinite, kNone};
  for (const bool left : {false, true}) {
    for (std::int64_t i = 0; i < 8; ++i) {
      Tensor a({8, 8}, std::vector<float>(64)), b({8, 8}, std::vector<float>(64));
      (left ? a : b).view().f32_out()[0] = values[static_cast<std::size_t>(i)];
      (left ? b : a).view().f32_out()[0] = 1;
      const float product = run("BatchMatMul", {&a, &b}, {8, 8}, {0, 0})[0];
      const float wanted = expected[static_cast<std::size_t>(i)];
      if (std::isnan(wanted))
        EXPECT_TRUE(std::isnan(product));
      else if (std::isinf(wanted) || i < 4)
        EXPECT_EQ(product, wanted) << i;
      else
        EXPECT_NEAR(product / wanted, 1, std::ldexp(1, -9)) << i;
    }
  }
}

INSTANTIATE_KERNEL_TESTS(Bfloat16Test);

}  // namespace
}  // namespace rareface
