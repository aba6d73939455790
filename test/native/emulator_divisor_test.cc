// The divisions of native/cuda's kernels.
#include <gtest/gtest.h>

#include <cstdint>

#include "cuda/elementwise.h"

namespace rareface::cuda {
namespace {

TEST(Divisor, GivesQuotientAndRemainder) {
  constexpr unsigned kLimit = 0x7fffffffu;
  for (const unsigned by : {1u, 2u, 3u, 5u, 7u, 48u, 49u, 641u, 65535u, 65536u, 65537u, 1000003u,
                            kLimit / 2, kLimit - 1, kLimit}) {
    const Divisor divisor(by);
    const auto test = [&](unsigned n) {
      ASSERT_EQ(divisor.divide(n), n / by) << n << " / " << by;
      unsigned rest = n;
      ASSERT_EQ(divisor.remainder(rest), n % by);
      ASSERT_EQ(rest, n / by);
    };
    for (unsigned n = 0; n < 3000; ++n) {
      test(n);
      test(kLimit - n);
      test(static_cast<unsigned>(n * std::uint64_t{0x9e3779b97f4a7c15} >> 33));
      const std::uint64_t multiple = std::uint64_t{n} * by;
      if (multiple <= kLimit) test(static_cast<unsigned>(multiple));
      if (multiple > 0 && multiple - 1 <= kLimit) test(static_cast<unsigned>(multiple - 1));
    }
  }
}

TEST(Divisor, RefusesWhatDoesNotFit) { EXPECT_THROW(Divisor(1ll << 31), std::runtime_error); }

}  // namespace
}  // namespace rareface::cuda
