// Products on tensor cores (native/cuda/product.h), with every tile, precision, form, width of
// copies and way to split, whichever of them a plan would take; and the plans. The kernels are
// linked into this program.
#include <cmath>
#include <random>

#include "cuda/product_setup.h"
#include "emulated_host.h"
#include "runtime/aligned.h"

namespace rareface::cuda {
namespace {

using emulator::testing::kOrders;
using emulator::testing::Order;

// [rows, k] by [k, cols].
struct Size {
  std::int64_t rows, k, cols;
};

class Matrices {
 public:
  Matrices(const Size& size, bool short_numbers) : size_(size) {
    std::mt19937 engine(1);
    std::normal_distribution<float> normal;
    const auto number = [&] {
      const float x = normal(engine);
      return short_numbers ? std::round(8 * x) : x;
    };
    a_.resize(static_cast<std::size_t>(size.rows * size.k));
    b_.resize(static_cast<std::size_t>(size.k * size.cols));
    for (float& x : a_) x = number();
    for (float& x : b_) x = number();
  }

  std::vector<float> multiply(Form form, Precision precision, const ProductPlan& plan) const {
    const bool by_columns = form == Form::filter_grad;
    using Buffer = emulator::testing::Buffer<float>;
    std::vector<float> in_a(a_.size()), in_b(b_.size());
    for (std::int64_t k = 0; k < size_.k; ++k) {
      for (std::int64_t i = 0; i < size_.rows; ++i)
        in_a[static_cast<std::size_t>(by_columns ? k * size_.rows + i : i * size_.k + k)] =
            a_at(i, k);
      for (std::int64_t j = 0; j < size_.cols; ++j)
        in_b[static_cast<std::size_t>(form == Form::input_grad ? j * size_.k + k
                                                               : k * size_.cols + j)] = b_at(k, j);
    }
    const Buffer a(in_a), b(in_b), out(static_cast<std::size_t>(size_.rows * size_.cols));
    const std::int64_t pixels = by_columns ? size_.k : size_.rows;
    const std::int64_t channels = by_columns ? size_.rows : size_.k;
    Product p;
    p.phase_count = 1;
    p.phases[0].positions = static_cast<int>(pixels);
    p.phases[0].width = Divisor(pixels);
    p.phases[0].depth = static_cast<int>(channels);
    set_image(p, a, 1, 1, pixels, channels, channels);
    if (form == Form::input_grad)
      set_columns(p, b, 1, size_.cols, size_.k);
    else
      set_rows(p, b, size_.k, size_.cols, size_.cols);
    set_out(p, out, size_.rows, size_.cols);
    rareface::testing::EmulatedHost host;
    start_product(form, p, 1, precision, plan, host);
    return out.values();
  }

  // Sums of products in double precision, and the roots of the sums of their squares.
  void expect(const std::vector<float>& actual, double tolerance) const {
    for (std::int64_t i = 0; i < size_.rows; ++i)
      for (std::int64_t j = 0; j < size_.cols; ++j) {
        double sum = 0, squares = 0;
        for (std::int64_t k = 0; k < size_.k; ++k) {
          const double product = static_cast<double>(a_at(i, k)) * b_at(k, j);
          sum += product;
          squares += product * product;
        }
        ASSERT_NEAR(actual[static_cast<std::size_t>(i * size_.cols + j)], sum,
                    tolerance * std::sqrt(squares))
            << "row " << i << ", column " << j;
      }
  }

 private:
  float a_at(std::int64_t i, std::int64_t k) const {
    return a_[static_cast<std::size_t>(i * size_.k + k)];
  }
  float b_at(std::int64_t k, std::int64_t j) const {
    return b_[static_cast<std::size_t>(k * size_.cols + j)];
  }
  Size size_;
  std::vector<float> a_, b_;
};

constexpr Form kForms[] = {Form::forward, Form::input_grad, Form::filter_grad};
constexpr Precision kPrecisions[] = {Precision::float32, Precision::bfloat16, Precision::tf32};

// body(form, precision, plan, size) for all there are. Some more than one tile, in copies of 16
// bytes or 4; four steps along k, made by one block, by two of three and of one, by four.
template <class F>
void for_all(F&& body) {
  int number = 0;
  for (const Form form : kForms)
    for (const Precision precision : kPrecisions)
      for (const TileSize tile : kTileSizes)
        for (const bool vectors : {true, false})
          for (const std::int64_t blocks : {4, 3, 1}) {
            if (kExactBlocks && blocks != 3) continue;  // AddressSanitizer takes its time
            const TileShape shape = tile_shape(tile, precision);
            const Size size = vectors ? Size{shape.rows + 4, 100, shape.cols + 8}
                                      : Size{shape.rows - 1, 101, shape.cols + 3};
            const Order order(kOrders[number++ % 3]);
            SCOPED_TRACE(::testing::Message()
                         << "form " << static_cast<int>(form) << ", precision "
                         << static_cast<int>(precision) << ", tile " << shape.rows << " x "
                         << shape.cols << (vectors ? ", vectors" : "") << ", blocks " << blocks);
            body(form, precision, ProductPlan{tile, blocks}, size);
            if (::testing::Test::HasFatalFailure()) return;
          }
}

// Products of short numbers are exact in every precision, whatever their place and order.
TEST(EmulatedProduct, IsExactForShortNumbers) {
  for_all([](Form form, Precision precision, const ProductPlan& plan, const Size& size) {
    const Matrices matrices(size, true);
    matrices.expect(matrices.multiply(form, precision, plan), 0);
  });
}

// Where one of the two small parts is forgotten, a product is up to 2^-12 off.
TEST(EmulatedProduct, HasTheAccuracyOfFloat32) {
  for_all([](Form form, Precision precision, const ProductPlan& plan, const Size& size) {
    if (precision != Precision::float32) return;
    const Matrices matrices(size, false);
    matrices.expect(matrices.multiply(form, precision, plan), std::ldexp(1, -18));
  });
}

// Each factor of tf32 is at most 0.72 of its last place off, which is 2^-10 of it or less, and on
// average nearly nothing.
TEST(EmulatedProduct, RoundsToTf32) {
  const Size size{64, 300, 64};
  const Matrices matrices(size, false);
  const ProductPlan plan{TileSize::medium, 10};
  const auto exact = matrices.multiply(Form::forward, Precision::float32, plan);
  const auto rounded = matrices.multiply(Form::forward, Precision::tf32, plan);
  matrices.expect(rounded, std::ldexp(1, -9));
  double errors = 0, sum = 0, squares = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double error = static_cast<double>(rounded[i]) - exact[i];
    errors += error * error;
    sum += error * exact[i];
    squares += static_cast<double>(exact[i]) * exact[i];
  }
  EXPECT_LT(std::sqrt(errors / squares), std::ldexp(1, -11));
  EXPECT_GT(std::sqrt(errors / squares), std::ldexp(1, -14)) << "not rounded";
  // No factor is merely cut, which would make all products smaller by 2^-11 and more.
  EXPECT_LT(std::abs(sum / squares), std::ldexp(1, -14));
}

// --- plans

// Every part of k has a part to do, and those that split can be counted.
void expect_sound(const ProductPlan& plan, const std::vector<ProductSize>& sizes, std::int64_t cols,
                  std::int64_t count, Precision precision) {
  const TileShape shape = tile_shape(plan.tile, precision);
  std::int64_t tiles = 0, splits = 0;
  for (const ProductSize& size : sizes) {
    tiles += ceil_div(size.rows, shape.rows) * ceil_div(cols, shape.cols) * count;
    const std::int64_t steps = ceil_div(size.k, kDepth);
    splits = std::max(splits, plan.splits(size.k));
    EXPECT_GE(plan.splits(size.k) * plan.blocks_per_split, steps);
    EXPECT_LT((plan.splits(size.k) - 1) * plan.blocks_per_split, std::max<std::int64_t>(1, steps));
  }
  if (splits > 1) {
    EXPECT_LE(tiles, kCounters);
  }
}

ProductPlan checked_plan(const std::vector<ProductSize>& sizes, std::int64_t cols,
                         std::int64_t count = 1, Precision precision = Precision::float32) {
  const ProductPlan plan = plan_product(sizes, cols, count, precision);
  expect_sound(plan, sizes, cols, count, precision);
  return plan;
}

TEST(ProductPlan, IsSoundForAllSizes) {
  for (const Precision precision : kPrecisions)
    for (const std::int64_t rows : {0, 1, 31, 144, 2304, 147456, 10000000})
      for (const std::int64_t k : {0, 1, 33, 2304, 100000})
        for (const std::int64_t cols : {5, 32, 256, 4096})
          for (const std::int64_t count : {1, 7})
            checked_plan({{rows, k}, {rows / 2, 2 * k}, {rows, 0}}, cols, count, precision);
}

// The trunk of a generator at 12 x 12 pixels, one image: few tiles, so k is split.
TEST(ProductPlan, SplitsSmallProducts) {
  const ProductPlan trunk = checked_plan({{144, 9 * 256}}, 256);
  const TileShape shape = tile_shape(trunk.tile, Precision::float32);
  const std::int64_t tiles = ceil_div(144, shape.rows) * ceil_div(256, shape.cols);
  const std::int64_t blocks = tiles * trunk.splits(9 * 256);
  EXPECT_GT(trunk.splits(9 * 256), 1);
  EXPECT_GE(blocks, 80);
}

// Many images: whole tiles, as large as there are columns for.
TEST(ProductPlan, TakesLargeTilesForLargeProducts) {
  for (const Precision precision : kPrecisions) {
    const ProductPlan plan = checked_plan({{64 * 2304, 9 * 64}}, 128, 1, precision);
    EXPECT_EQ(plan.tile, TileSize::large);
    EXPECT_EQ(plan.splits(9 * 64), 1);
  }
  EXPECT_EQ(checked_plan({{64 * 2304, 9 * 64}}, 32).tile, TileSize::narrow);
}

}  // namespace
}  // namespace rareface::cuda
