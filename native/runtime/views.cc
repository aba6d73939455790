#include "views.h"

#include "device.h"

namespace rareface {

Precision precision_of(std::int32_t number) {
  require(number >= 0 && number <= static_cast<std::int32_t>(Precision::tf32),
          "no precision has the number ", number);
  return static_cast<Precision>(number);
}

View take_view(Numbers& numbers) {
  View view;
  const std::int32_t dtype = numbers.take();
  require(dtype >= 0 && dtype <= static_cast<std::int32_t>(DType::boolean),
          "no dtype has the number ", dtype);
  view.dtype = static_cast<DType>(dtype);
  view.rank = numbers.take();
  require(view.rank >= 0 && view.rank <= kMaxRank, "tensors of rank ", view.rank,
          " are not supported");
  for (int i = 0; i < view.rank; ++i) view.dims[i] = numbers.take();
  return view;
}

void require_fit(const View& view, std::size_t bytes) {
  auto needed = static_cast<std::int64_t>(size_of(view.dtype));
  bool fits = true;
  for (int i = 0; i < view.rank; ++i)
    fits = fits && !__builtin_mul_overflow(needed, view.dims[i], &needed);
  require(fits && needed <= static_cast<std::int64_t>(bytes), describe(view),
          " does not fit its buffer of ", bytes, " bytes");
}

}  // namespace rareface
